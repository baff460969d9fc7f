// The page's side of the worker: one job at a time, and the last request wins.

import type {
  EngineInfo,
  Gpu,
  Job,
  Loaded,
  ModelInfo,
  Painted,
  Request,
  Response,
} from "./protocol";

/** A job whose rest would take longer than this is broken off for a newer one. */
const PATIENCE = 1200; // milliseconds
/** Assumed until the first job has been timed. */
const FIRST_GUESS = 1.5e-3; // milliseconds for one pixel

interface Waiting {
  job: Job;
  resolve: (painted: Painted | null) => void;
  reject: (reason: Error) => void;
}

interface Running extends Waiting {
  /** When it was sent to the worker. */
  since: number | null;
  done: Promise<void>;
}

export class Engine {
  model: ModelInfo | null = null;
  info: EngineInfo | null = null;
  /** Called with the share of the network that has been downloaded. */
  onProgress: (share: number) => void = () => {};

  #worker: Worker | null = null;
  #gpu: Gpu = "hardware";
  #bytes: ArrayBuffer | null = null;
  #photograph: ImageBitmap | null = null;
  #sent: ImageBitmap | null = null;
  #perPixel = FIRST_GUESS;
  #main: Waiting | null = null;
  #others: Waiting[] = [];
  #running: Running | null = null;
  #ready: Promise<unknown> = Promise.resolve();
  #answered: (response: Response) => void = () => {};

  /** Starts the worker with the shipped network. */
  async start(gpu: Gpu): Promise<void> {
    this.#gpu = gpu;
    this.#ready = this.#begin();
    await this.#ready;
  }

  /** Takes another model file. Rejects, and keeps the model there is, if it cannot be used. */
  async useModel(bytes: ArrayBuffer): Promise<void> {
    this.forget();
    const before = [this.#ready, this.#running?.done];
    const loaded = Promise.allSettled(before).then(() => this.#load(bytes));
    this.#ready = loaded.catch(() => {});
    this.#adopt(await loaded);
    this.#bytes = bytes;
    this.#perPixel = FIRST_GUESS;
  }

  /** Takes the photograph that the next jobs paint. */
  usePhotograph(photograph: ImageBitmap): void {
    this.forget();
    this.#photograph = photograph;
  }

  /** Paints the picture. Resolves with null if a newer request has taken its place. */
  paint(job: Job): Promise<Painted | null> {
    this.#main?.resolve(null);
    const painted = new Promise<Painted | null>((resolve, reject) => {
      this.#main = { job, resolve, reject };
    });
    this.#breakOff();
    void this.#next();
    return painted;
  }

  /** Paints when nothing else waits. Resolves with null if the photograph changes before. */
  paintLater(job: Job): Promise<Painted | null> {
    return new Promise((resolve, reject) => {
      this.#others.push({ job, resolve, reject });
      void this.#next();
    });
  }

  /** Drops every job that waits. */
  forget(): void {
    for (const waiting of [this.#main, ...this.#others]) waiting?.resolve(null);
    this.#main = null;
    this.#others = [];
  }

  /** The time that a job of this many pixels takes, in milliseconds, by those before it. */
  expected(pixels: number): number {
    return pixels * this.#perPixel;
  }

  async #begin(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      if (this.#gpu === "none") throw error;
      this.#gpu = "none"; // a WebGPU that cannot run the network: WebAssembly can
      await this.#launch();
    }
  }

  async #launch(): Promise<void> {
    this.#worker?.terminate();
    this.#sent = null;
    this.#worker = new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Response>) => {
      if (data.kind === "progress") this.onProgress(data.share);
      else this.#answered(data);
    };
    this.#worker.onerror = ({ message }) =>
      this.#answered({ kind: "failed", message: message || "the worker did not start" });
    this.#adopt(await this.#load(this.#bytes));
  }

  #adopt(loaded: Loaded): void {
    this.model = loaded.model;
    this.info = loaded.engine;
  }

  async #load(model: ArrayBuffer | null): Promise<Loaded> {
    return (await this.#ask({ kind: "load", model, gpu: this.#gpu })) as Loaded;
  }

  /** Sends a request and waits for its answer. Only one request is under way at a time. */
  #ask(request: Request, transfer: Transferable[] = []): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#answered = (response) =>
        response.kind === "failed" ? reject(new Error(response.message)) : resolve(response);
      this.#worker?.postMessage(request, transfer);
    });
  }

  async #next(): Promise<void> {
    if (this.#running) return;
    const next = this.#main ?? this.#others.shift();
    if (!next) return;
    if (next === this.#main) this.#main = null;
    let finish = (): void => {};
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const running: Running = { ...next, since: null, done };
    this.#running = running;
    try {
      const painted = await this.#run(running);
      next.resolve(painted);
    } catch (error) {
      next.reject(error as Error);
      // Memory that ran out leaves the worker unusable.
      if (this.#running === running) this.#ready = this.#begin();
    }
    finish();
    if (this.#running !== running) return;
    this.#running = null;
    void this.#next();
  }

  async #run(running: Running): Promise<Painted> {
    await this.#ready;
    const { frame, width, height } = running.job;
    if (!frame && this.#photograph && this.#sent !== this.#photograph) {
      const photograph = this.#photograph;
      const bitmap = await createImageBitmap(photograph);
      await this.#ask({ kind: "photograph", bitmap }, [bitmap]);
      this.#sent = photograph;
    }
    running.since = performance.now();
    const request: Request = { kind: "paint", ...running.job };
    const painted = (await this.#ask(request, frame ? [frame] : [])) as Painted;
    this.#perPixel += (painted.milliseconds / (width * height) - this.#perPixel) * 0.5;
    return painted;
  }

  /** Starts the worker anew where the job that runs would keep the newer one waiting. */
  #breakOff(): void {
    const running = this.#running;
    if (!running?.since) return;
    const { width, height } = running.job;
    const left = this.expected(width * height) - (performance.now() - running.since);
    if (left < PATIENCE) return;
    this.#running = null;
    running.resolve(null);
    this.#ready = this.#begin();
  }
}
