// The worker: holds the network and the photograph, and paints on request.

import type { InferenceSession } from "onnxruntime-web";
import type { Gpu, Job, Loaded, Painted, Request, Response } from "../protocol";
import { ModelError, readModel } from "./metadata";
import { preserveColors } from "./oklab";
import { loadRuntime, type Runtime } from "./runtime";
import { fillHidden } from "./transparency";

let runtime: Promise<Runtime> | null = null;
let session: InferenceSession | null = null;
let photograph: ImageBitmap | null = null;
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true });

self.onmessage = async ({ data }: MessageEvent<Request>): Promise<void> => {
  try {
    const response = await answer(data);
    if (response.kind === "painted") send(response, [response.pixels.data.buffer]);
    else send(response);
  } catch (error) {
    send({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
};

function send(response: Response, transfer: Transferable[] = []): void {
  self.postMessage(response, { transfer });
}

async function answer(request: Request): Promise<Response> {
  if (request.kind === "load") return await load(request.model, request.gpu);
  if (request.kind === "paint") return await paint(request);
  photograph?.close();
  photograph = request.bitmap;
  return { kind: "kept" };
}

async function load(bytes: ArrayBuffer | null, gpu: Gpu): Promise<Loaded> {
  runtime ??= loadRuntime(gpu);
  const { engine, shipped, open } = await runtime;
  const file = bytes ? new Uint8Array(bytes) : await download(shipped);
  const model = readModel(file);
  let opened: InferenceSession;
  try {
    opened = await open(file, model.styles.length);
  } catch (error) {
    throw new ModelError(`cannot be run by ${engine.name} (${String(error).split("\n")[0]})`);
  }
  await session?.release();
  session = opened;
  return { kind: "loaded", model, engine };
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok || !response.body)
    throw new Error(`cannot load the network: ${response.status}`);
  const total = Number(response.headers.get("Content-Length"));
  const reader = response.body.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    length += part.value.length;
    if (total > 0) send({ kind: "progress", share: Math.min(length / total, 1) });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function paint(job: Job): Promise<Painted> {
  const picture = job.frame ?? photograph;
  if (!runtime || !session || !picture) throw new Error("there is nothing to paint yet");
  const start = performance.now();
  const { Tensor } = await runtime;
  const { width, height } = job;
  const before = pixelsOf(picture, job);
  job.frame?.close();
  const colors = fillHidden(before);
  const image = new Tensor("float32", planesOf(colors), [1, 3, height, width]);
  const weights = new Tensor("float32", job.row, [1, job.row.length]);
  const { stylized } = await session.run({ image, style_weights: weights });
  const planes = (await stylized?.getData()) as Float32Array;
  const pixels = withAlpha(planes, before);
  stylized?.dispose();
  if (job.keepColors) preserveColors(pixels.data, colors);
  return { kind: "painted", pixels, milliseconds: performance.now() - start };
}

function pixelsOf(picture: ImageBitmap, { width, height, square }: Job): ImageData {
  if (!context) throw new Error("this browser gives no canvas to a worker");
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const side = Math.min(picture.width, picture.height);
  const [w, h] = square ? [side, side] : [picture.width, picture.height];
  const left = Math.floor((picture.width - w) / 2);
  const top = Math.floor((picture.height - h) / 2);
  context.drawImage(picture, left, top, w, h, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function planesOf(pixels: Uint8ClampedArray): Float32Array {
  const count = pixels.length / 4;
  const planes = new Float32Array(3 * count);
  for (let channel = 0; channel < 3; channel++) {
    const start = channel * count;
    for (let i = 0; i < count; i++) planes[start + i] = (pixels[4 * i + channel] ?? 0) / 255;
  }
  return planes;
}

/** Makes pixels of the painting's planes, with the opacity of the photograph. */
function withAlpha(planes: Float32Array, photograph: ImageData): ImageData {
  const pixels = new ImageData(photograph.width, photograph.height);
  const { data } = pixels;
  const count = data.length / 4;
  for (let i = 0; i < count; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[4 * i + channel] = (planes[channel * count + i] ?? 0) * 255;
    }
    data[4 * i + 3] = photograph.data[4 * i + 3] ?? 255;
  }
  return pixels;
}
