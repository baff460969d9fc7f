// The large picture: the photograph below, the painting above, and the divider between them.

import { element, show } from "./page";

const STEP = 2; // percent that an arrow key moves the divider

export class Stage {
  readonly painting = element<HTMLCanvasElement>("painting");
  #photograph = element<HTMLCanvasElement>("photograph");
  #frame = element("frame");
  #divider = element("divider");
  #split = 0;

  constructor() {
    this.#divider.addEventListener("pointerdown", (event) => {
      this.#divider.setPointerCapture(event.pointerId);
      this.#divider.focus({ preventScroll: true });
      event.preventDefault();
    });
    this.#divider.addEventListener("pointermove", (event) => {
      if (this.#divider.hasPointerCapture(event.pointerId)) this.#follow(event.clientX);
    });
    this.#frame.addEventListener("click", (event) => {
      if (event.target !== this.#divider) this.#follow(event.clientX);
    });
    this.#divider.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows a photograph, which the painting covers once it is there. */
  showPhotograph(bitmap: ImageBitmap, width: number, height: number): void {
    this.#frame.style.setProperty("--ratio", String(width / height));
    this.#frame.style.setProperty("--own", `${width}px`);
    show(this.#photograph, bitmap);
    this.#frame.classList.remove("painted");
  }

  showPainting(pixels: ImageData): void {
    show(this.painting, pixels);
    this.#frame.classList.add("painted");
  }

  /** Shows a frame of the camera beside its painting. */
  showFrame(frame: ImageBitmap, pixels: ImageData): void {
    this.#frame.style.setProperty("--ratio", String(frame.width / frame.height));
    this.#frame.style.setProperty("--own", "640px");
    show(this.#photograph, frame);
    this.showPainting(pixels);
  }

  get painted(): boolean {
    return this.#frame.classList.contains("painted");
  }

  /** Whether a painting is on its way. */
  set busy(busy: boolean) {
    this.#frame.setAttribute("aria-busy", String(busy));
  }

  /** Puts the divider at a share of the width, in percent: the photograph is left of it. */
  set split(percent: number) {
    this.#split = Math.min(Math.max(percent, 0), 100);
    this.#frame.style.setProperty("--split", `${this.#split}%`);
    const shown = Math.round(this.#split);
    this.#divider.setAttribute("aria-valuenow", String(shown));
    this.#divider.setAttribute("aria-valuetext", `${shown} percent photograph`);
  }

  #follow(x: number): void {
    const { left, width } = this.#frame.getBoundingClientRect();
    this.split = ((x - left) / width) * 100;
  }

  #key(event: KeyboardEvent): void {
    const to: Record<string, number> = {
      ArrowLeft: this.#split - STEP,
      ArrowDown: this.#split - STEP,
      ArrowRight: this.#split + STEP,
      ArrowUp: this.#split + STEP,
      PageDown: this.#split - 10,
      PageUp: this.#split + 10,
      Home: 0,
      End: 100,
    };
    const target = to[event.key];
    if (target === undefined) return;
    this.split = target;
    event.preventDefault();
  }
}
