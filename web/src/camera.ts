// Live painting of the camera, at the size that holds the speed.

import type { Engine } from "./engine";
import { within } from "./photograph";
import type { Painted } from "./protocol";

const BUDGET = 80; // milliseconds for a frame, which leaves some for the page
const FIRST_PIXELS = 160 * 120;
const MOST_PIXELS = 960 * 720;
const LEAST_PIXELS = 96 * 72;

export interface Settled {
  row: Float32Array;
  keepColors: boolean;
}

export class Camera {
  /** Called with each frame and its painting. */
  onFrame: (frame: ImageBitmap, painted: Painted, perSecond: number) => void = () => {};
  #engine: Engine;
  #video = document.createElement("video");
  #stream: MediaStream | null = null;
  #pixels = FIRST_PIXELS;
  #last = 0;
  #perSecond = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#video.muted = true;
    this.#video.playsInline = true;
  }

  get running(): boolean {
    return this.#stream !== null;
  }

  /** Asks for the camera. Rejects if there is none or the user says no. */
  async start(): Promise<void> {
    const video = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
    this.#stream = await navigator.mediaDevices.getUserMedia({ video });
    this.#video.srcObject = this.#stream;
    await this.#video.play();
    this.#last = 0;
  }

  /** Paints frames until the camera stops; `settings` is asked anew for each. */
  async paint(settings: () => Settled): Promise<void> {
    while (this.#stream) {
      const size = this.#size();
      const frame = await createImageBitmap(this.#video, {
        resizeWidth: size.width,
        resizeHeight: size.height,
        resizeQuality: "medium",
      });
      const copy = await createImageBitmap(frame);
      const painted = await this.#engine.paint({ ...size, ...settings(), square: false, frame });
      if (!this.#stream) return;
      if (painted) this.#count(copy, painted);
      copy.close();
    }
  }

  /** The whole picture that the camera sees now. */
  still(): Promise<ImageBitmap> {
    return createImageBitmap(this.#video);
  }

  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }

  #size(): { width: number; height: number } {
    const { videoWidth, videoHeight } = this.#video;
    const { width } = within({ width: videoWidth, height: videoHeight }, this.#pixels);
    // Steps of 16 pixels, as each new size costs the runtime some preparation.
    const stepped = Math.max(Math.round(width / 16), 4) * 16;
    return {
      width: stepped,
      height: Math.max(Math.round((stepped * videoHeight) / videoWidth), 1),
    };
  }

  #count(frame: ImageBitmap, painted: Painted): void {
    const now = performance.now();
    if (this.#last) {
      const spent = now - this.#last;
      const rate = 1000 / spent;
      this.#perSecond = this.#perSecond ? this.#perSecond * 0.85 + rate * 0.15 : rate;
      // Toward the size that would have taken the budget, faster downward than upward.
      const step = Math.min(Math.max(BUDGET / spent, 0.7), 1.08);
      if (step < 0.9 || step > 1.05) this.#pixels *= step;
      this.#pixels = Math.min(Math.max(this.#pixels, LEAST_PIXELS), MOST_PIXELS);
    }
    this.#last = now;
    this.onFrame(frame, painted, this.#perSecond);
  }
}
