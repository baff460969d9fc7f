// The camera in place of a photograph: its frames are painted until it is frozen.

import { Camera } from "./camera";
import { element, say, warn } from "./page";
import { styleRow } from "./settings";
import type { Studio } from "./studio";

export class Live {
  #studio: Studio;
  #camera: Camera;

  constructor(studio: Studio) {
    this.#studio = studio;
    this.#camera = new Camera(studio.engine);
    element("camera").addEventListener("click", () => {
      void (this.#camera.running ? this.#freeze() : this.#start());
    });
  }

  /** Stops the camera, if it runs. */
  stop(): void {
    if (!this.#camera.running) return;
    this.#camera.stop();
    this.#show(false);
  }

  async #start(): Promise<void> {
    const { engine, stage } = this.#studio;
    warn("");
    if (!engine.model) return;
    try {
      await this.#camera.start();
    } catch (error) {
      const refused = (error as Error).name === "NotAllowedError";
      const remedy = "allow it for this page in the browser, or choose a photograph";
      warn(refused ? `The camera was refused; ${remedy}.` : "No camera was found.");
      return;
    }
    this.#show(true);
    element("credit").hidden = true;
    const { styles } = engine.model;
    engine.usePhotograph(await this.#camera.still());
    this.#studio.paintThumbnails();
    const speed = element("speed");
    this.#camera.onFrame = (frame, { pixels }, perSecond) => {
      stage.showFrame(frame, pixels);
      const rate = perSecond ? `${perSecond.toFixed(1)} frames a second, ` : "";
      speed.textContent = `${rate}${pixels.width} × ${pixels.height}`;
    };
    try {
      await this.#camera.paint(() => {
        const { settings } = this.#studio;
        return { row: styleRow(settings, styles), keepColors: settings.keepColors };
      });
    } catch (error) {
      this.stop();
      this.#studio.fail(error);
    }
  }

  /** Stops the camera, and takes what it saw last as the photograph. */
  async #freeze(): Promise<void> {
    const bitmap = await this.#camera.still();
    this.stop();
    const { width, height } = bitmap;
    this.#studio.use({ bitmap, width, height, name: "camera" });
  }

  #show(running: boolean): void {
    this.#studio.live = running;
    element("camera-text").textContent = running ? "Freeze" : "Camera";
    element("camera").classList.toggle("live", running);
    element("speed").hidden = !running;
    element<HTMLSelectElement>("size").disabled = running;
    if (running) say("Painting what the camera sees");
  }
}
