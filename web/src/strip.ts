// The strip of styles: a thumbnail of the photograph in each, of which one is chosen.

import { element, show } from "./page";
import { titleOf } from "./settings";

export const THUMBNAIL = 176; // side in pixels

export class Strip {
  /** Called with the style that the user chooses. */
  onChoose: (style: string) => void = () => {};
  #list = element("styles");
  #canvases = new Map<string, HTMLCanvasElement>();
  #inputs = new Map<string, HTMLInputElement>();

  /** Lists styles, whose thumbnails come later. */
  list(styles: readonly string[]): void {
    this.#list.replaceChildren();
    this.#canvases.clear();
    this.#inputs.clear();
    for (const style of styles) this.#list.append(this.#item(style));
  }

  choose(style: string): void {
    const input = this.#inputs.get(style);
    if (!input || input.checked) return;
    input.checked = true;
    const item = input.closest("label");
    if (!item) return;
    const middle = item.offsetLeft + item.offsetWidth / 2 - this.#list.clientWidth / 2;
    this.#list.scrollTo({ left: middle, behavior: "smooth" });
  }

  /** Fades the thumbnails of the photograph before. */
  fade(): void {
    for (const canvas of this.#canvases.values()) canvas.classList.remove("fresh");
  }

  showThumbnail(style: string, pixels: ImageData): void {
    const canvas = this.#canvases.get(style);
    if (!canvas) return;
    show(canvas, pixels);
    canvas.classList.add("fresh");
  }

  #item(style: string): HTMLLabelElement {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const canvas = document.createElement("canvas");
    const name = document.createElement("span");
    input.type = "radio";
    input.name = "style";
    input.value = style;
    input.addEventListener("change", () => this.onChoose(style));
    canvas.width = canvas.height = THUMBNAIL;
    canvas.setAttribute("aria-hidden", "true");
    name.textContent = titleOf(style);
    label.append(input, canvas, name);
    this.#canvases.set(style, canvas);
    this.#inputs.set(style, input);
    return label;
  }
}
