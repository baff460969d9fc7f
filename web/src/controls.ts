// The controls beside the painting: they change the settings and show them.

import { element } from "./page";
import { longSides, type Size, sizeOf } from "./photograph";
import { fromHash, titleOf, toHash } from "./settings";
import type { Studio } from "./studio";

export class Controls {
  #studio: Studio;
  #strength = element<HTMLInputElement>("strength");
  #blend = element<HTMLInputElement>("blend");
  #second = element<HTMLSelectElement>("second");
  #size = element<HTMLSelectElement>("size");
  #colors = element<HTMLInputElement>("colors");

  constructor(studio: Studio) {
    this.#studio = studio;
    studio.onModel = () => this.#showModel();
    studio.onChange = () => this.#showSettings();
    studio.strip.onChoose = (style) => studio.change({ style });
    this.#strength.addEventListener("input", () =>
      studio.change({ strength: this.#strength.valueAsNumber / 100 }, true),
    );
    this.#blend.addEventListener("input", () =>
      studio.change({ blend: this.#blend.valueAsNumber / 100 }, true),
    );
    this.#second.addEventListener("change", () => studio.change({ second: this.#second.value }));
    this.#size.addEventListener("change", () => studio.change({ size: Number(this.#size.value) }));
    this.#colors.addEventListener("change", () => {
      studio.change({ keepColors: this.#colors.checked });
      studio.paintThumbnails();
    });
    addEventListener("hashchange", () => {
      const { model } = studio.engine;
      if (!model || location.hash === toHash(studio.settings)) return;
      studio.change(fromHash(location.hash, model.styles));
    });
  }

  #showModel(): void {
    const { model, info } = this.#studio.engine;
    if (!model || !info) return;
    const names = model.styles.slice(1);
    const options = names.map((name) => new Option(titleOf(name), name));
    this.#second.replaceChildren(new Option("None", ""), ...options);
    const { name, threads } = info;
    const alone = "one thread: the server sends no isolation headers, so painting is slower";
    const speed = threads > 1 ? `${threads} threads` : crossOriginIsolated ? "one thread" : alone;
    element("engine").textContent = `${name}${name === "WebGPU" ? "" : `, ${speed}`}.`;
    element("about").textContent =
      `${names.length} styles, network ${model.network}, trained on ${model.trainedOn}.`;
  }

  #showSettings(): void {
    const { settings, engine, photograph, strip } = this.#studio;
    const percent = (share: number): string => `${Math.round(share * 100)}%`;
    this.#strength.value = String(settings.strength * 100);
    element("strength-value").textContent = percent(settings.strength);
    this.#blend.value = String(settings.blend * 100);
    element("blend-value").textContent = percent(settings.blend);
    element("blend-row").hidden = settings.second === "";
    this.#second.value = settings.second;
    this.#colors.checked = settings.keepColors;
    if (!engine.model) return;
    strip.choose(settings.style);
    const names = [settings.style, settings.second].filter(Boolean).map(titleOf);
    element("title").textContent = names.join(" and ");
    if (photograph) this.#showSizes(photograph);
    history.replaceState(null, "", toHash(settings));
  }

  #showSizes(whole: Size): void {
    const options = new Map<string, HTMLOptionElement>();
    const text = ({ width, height }: Size): string => `${width} × ${height}`;
    const proposed = text(sizeOf(whole, 0));
    for (const side of longSides(whole)) {
      const shown = text(this.#studio.fitting(sizeOf(whole, side)));
      const value = shown === proposed ? 0 : side;
      if (!options.has(shown)) options.set(shown, new Option(shown, String(value)));
    }
    this.#size.replaceChildren(...options.values());
    const chosen = options.get(text(this.#studio.size));
    if (chosen) chosen.selected = true;
  }
}
