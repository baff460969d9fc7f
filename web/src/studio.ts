// What is painted: the photograph with the settings, and first a draft while a slider moves.

import { Engine } from "./engine";
import { element, say, warn } from "./page";
import { FileError, type Photograph, pixelLimit, type Size, sizeOf, within } from "./photograph";
import { fromHash, type Settings, styleRow } from "./settings";
import { Stage } from "./stage";
import { Strip, THUMBNAIL } from "./strip";

export const MOST_PIXELS = 40_000_000; // of a photograph that is kept
const DRAFT = 100; // milliseconds that a draft may take
const SLOW = 250; // milliseconds from which a draft comes first
const SETTLED = 300; // milliseconds without a change, after which the whole is painted

export class Studio {
  readonly engine = new Engine();
  readonly stage = new Stage();
  readonly strip = new Strip();
  settings: Settings = fromHash("", []);
  photograph: Photograph | null = null;
  /** Called when the styles are those of another model. */
  onModel: () => void = () => {};
  /** Called when the settings or the photograph have changed. */
  onChange: () => void = () => {};
  #progress = element<HTMLProgressElement>("progress");
  #limit = Number.POSITIVE_INFINITY; // pixels that can be painted at once
  #timer = 0; // of the painting that follows a draft
  #painted: Promise<void> = Promise.resolve(); // resolved when the newest painting is there
  #showing = 0; // number of the progress that is shown
  #live = false;

  /** Whether the camera runs. Its frames are painted by `Live`. */
  get live(): boolean {
    return this.#live;
  }

  set live(live: boolean) {
    this.#live = live;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** Takes the styles of the model that the engine has loaded, and paints. */
  adoptModel(): void {
    const { model } = this.engine;
    if (!model) return;
    this.#limit = Math.min(pixelLimit(model.bytesPerPixel), MOST_PIXELS);
    this.settings = fromHash(location.hash, model.styles);
    this.strip.list(model.styles.slice(1));
    this.onModel();
    this.#paintAll();
  }

  /** Takes a photograph, and paints it. */
  use(opened: Photograph): void {
    this.photograph?.bitmap.close();
    this.photograph = opened;
    this.engine.usePhotograph(opened.bitmap);
    this.stage.showPhotograph(opened.bitmap, opened.width, opened.height);
    this.#paintAll();
  }

  /** Changes settings, and paints: first a draft while a slider moves. */
  change(some: Partial<Settings>, moving = false): void {
    this.settings = { ...this.settings, ...some };
    this.onChange();
    clearTimeout(this.#timer);
    if (this.live) return;
    const { width, height } = this.size;
    if (!moving || this.engine.expected(width * height) < SLOW) {
      void this.#paint();
      return;
    }
    void this.#paint(within({ width, height }, DRAFT / this.engine.expected(1)));
    this.#timer = setTimeout(() => void this.#paint(), SETTLED);
  }

  /** The size at which the photograph is painted. */
  get size(): Size {
    return this.fitting(sizeOf(this.photograph ?? { width: 1, height: 1 }, this.settings.size));
  }

  /** A size, made smaller where it does not fit into memory. */
  fitting(size: Size): Size {
    return within(size, this.#limit);
  }

  /** Paints the thumbnail of every style. */
  paintThumbnails(): void {
    const styles = this.engine.model?.styles ?? [];
    if (!this.photograph || styles.length === 0) return;
    const { keepColors } = this.settings;
    this.strip.fade();
    for (const style of styles.slice(1)) {
      const row = styleRow({ ...this.settings, style, second: "", strength: 1 }, styles);
      const square = { width: THUMBNAIL, height: THUMBNAIL, square: true };
      this.engine
        .paintLater({ ...square, row, keepColors })
        .then((result) => result && this.strip.showThumbnail(style, result.pixels))
        .catch((error) => this.fail(error));
    }
  }

  /** Waits for the whole painting, where a draft is on the page. */
  async finished(): Promise<void> {
    if (this.#timer) void this.#paint();
    await this.#painted;
  }

  /** Tells the user of an error. */
  fail(error: unknown): void {
    this.stage.busy = false;
    if (!(error instanceof FileError)) console.error(error);
    const text = error instanceof Error ? error.message : String(error);
    warn(text.endsWith(".") ? text : `${text}.`);
  }

  #paintAll(): void {
    this.onChange();
    void this.#paint();
    this.paintThumbnails();
  }

  /** Paints the photograph large, at its size or as a draft. */
  #paint(draft?: Size): Promise<void> {
    if (!draft) clearTimeout(this.#timer);
    this.#timer = 0;
    const painting = this.#paintNow(draft ?? this.size);
    if (!draft) this.#painted = painting;
    return painting;
  }

  async #paintNow({ width, height }: Size): Promise<void> {
    const { model } = this.engine;
    if (!this.photograph || !model || this.live) return;
    const { keepColors } = this.settings;
    const row = styleRow(this.settings, model.styles);
    const end = this.#showProgress(this.engine.expected(width * height), `${width} × ${height}`);
    try {
      const result = await this.engine.paint({ width, height, square: false, row, keepColors });
      if (!result || this.live) return;
      this.stage.showPainting(result.pixels);
      say(this.#describe({ width, height }, result.milliseconds));
    } catch (error) {
      if (width * height < 1e6) this.fail(error);
      else await this.#paintSmaller({ width, height });
    } finally {
      end();
    }
  }

  /** Paints at half of the pixels, where the whole does not fit into memory. */
  async #paintSmaller({ width, height }: Size): Promise<void> {
    this.#limit = (width * height) / 2;
    warn(`${width} × ${height} pixels did not fit into memory; the painting is smaller.`);
    this.onChange();
    await this.#paint();
  }

  #describe(size: Size, milliseconds: number): string {
    const own = this.photograph ?? size;
    const limited = size.width < sizeOf(own, this.settings.size).width;
    const of = ` of ${own.width} × ${own.height}, the most that fits in memory here`;
    const pixels = `${size.width} × ${size.height}${limited ? of : ""}`;
    return `${pixels}, painted in ${(milliseconds / 1000).toFixed(2)} s`;
  }

  /** Lets the bar grow over the time that is expected; the function returned ends it. */
  #showProgress(expected: number, size: string): () => void {
    this.stage.busy = true;
    const mine = ++this.#showing;
    const since = performance.now();
    if (expected > 1000) say(`Painting ${size}, about ${Math.round(expected / 1000)} s`);
    else if (!this.stage.painted) say("Painting");
    const grow = (): void => {
      if (mine !== this.#showing) return;
      this.#progress.value = Math.min((performance.now() - since) / expected, 0.97);
      requestAnimationFrame(grow);
    };
    this.#progress.hidden = expected < SLOW;
    grow();
    return () => {
      if (mine !== this.#showing) return;
      this.#showing++;
      this.#progress.hidden = true;
      this.stage.busy = this.#timer !== 0;
    };
  }
}
