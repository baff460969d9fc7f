// What the page and its worker say to each other.

/** What a model file says of itself. */
export interface ModelInfo {
  /** Names of the styles. The first is `identity`. */
  styles: string[];
  network: string;
  trainedOn: string;
  /** Memory at the peak of a run for one pixel of the picture, in bytes. */
  bytesPerPixel: number;
}

/** What runs the network. */
export interface EngineInfo {
  name: "WebGPU" | "WebAssembly";
  threads: number;
}

/** Which GPU may run the network: a software one is slower than WebAssembly. */
export type Gpu = "none" | "hardware" | "any";

/** What the page asks of the worker. One request is answered before the next is sent. */
export type Request =
  | { kind: "load"; model: ArrayBuffer | null; gpu: Gpu }
  | { kind: "photograph"; bitmap: ImageBitmap }
  | ({ kind: "paint" } & Job);

export interface Job {
  width: number;
  height: number;
  /** Whether the middle square of the photograph is painted instead of the whole. */
  square: boolean;
  /** Share of each style; they sum to 1. */
  row: Float32Array;
  keepColors: boolean;
  /** A frame of the camera to paint instead of the photograph. */
  frame?: ImageBitmap;
}

export interface Painted {
  kind: "painted";
  pixels: ImageData;
  milliseconds: number;
}

export interface Loaded {
  kind: "loaded";
  model: ModelInfo;
  engine: EngineInfo;
}

/** What the worker answers. */
export type Response =
  | Loaded
  | Painted
  | { kind: "kept" }
  | { kind: "failed"; message: string }
  | { kind: "progress"; share: number };
