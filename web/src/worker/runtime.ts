// ONNX Runtime: WebGPU where the browser has it, else WebAssembly.

import type { InferenceSession, TensorConstructor } from "onnxruntime-web";
import gpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import cpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import cpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import halfModel from "../../../checkpoints/gallery.fp16.onnx?url";
import fullModel from "../../../checkpoints/gallery.onnx?url";
import type { EngineInfo, Gpu } from "../protocol";

const MAX_THREADS = 8;
const GPU_TOLERANCE = 0.02; // mean difference to WebAssembly; fp16 stays below a tenth of it

export interface Runtime {
  engine: EngineInfo;
  /** The address of the shipped model that suits this engine. */
  shipped: string;
  /** Opens a model with this many styles. */
  open(model: Uint8Array, styles: number): Promise<InferenceSession>;
  Tensor: TensorConstructor;
}

/** Loads ONNX Runtime. `gpu` tells which GPU may be used. */
export async function loadRuntime(gpu: Gpu): Promise<Runtime> {
  const features = await gpuFeatures(gpu);
  if (features) return await withGpu(features.has("shader-f16") ? halfModel : fullModel);
  // ONNX Runtime asks for it when a model is there. By then the browser's cache has it.
  void fetch(absolute(cpuBinary));
  const ort = await import("onnxruntime-web/wasm");
  // Threads need shared memory, which browsers give only to pages served with two headers.
  const threads = self.crossOriginIsolated
    ? Math.min(navigator.hardwareConcurrency, MAX_THREADS)
    : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { mjs: absolute(cpuGlue), wasm: absolute(cpuBinary) };
  return {
    engine: { name: "WebAssembly", threads },
    shipped: absolute(fullModel),
    open: (model) => ort.InferenceSession.create(model, { executionProviders: ["wasm"] }),
    Tensor: ort.Tensor,
  };
}

async function withGpu(model: string): Promise<Runtime> {
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs: absolute(gpuGlue), wasm: absolute(gpuBinary) };
  // In the usual layout, ONNX Runtime 1.30 computes grouped transposed convolutions wrongly.
  const provider = { name: "webgpu", preferredLayout: "NCHW" } as const;
  // Severity 3 is errors: it warns of each node that the CPU does better.
  const create = (bytes: Uint8Array, on: typeof provider | "wasm"): Promise<InferenceSession> =>
    ort.InferenceSession.create(bytes, { executionProviders: [on], logSeverityLevel: 3 });
  return {
    engine: { name: "WebGPU", threads: 1 },
    shipped: absolute(model),
    async open(bytes, styles) {
      const session = await create(bytes, provider);
      const witness = await create(bytes, "wasm");
      const difference = await compare(session, witness, styles, ort.Tensor);
      await witness.release();
      if (!(difference <= GPU_TOLERANCE)) throw new Error("this GPU paints another picture");
      return session;
    },
    Tensor: ort.Tensor,
  };
}

/** The mean difference of two sessions, of which one may run on a driver with faults. */
async function compare(
  one: InferenceSession,
  other: InferenceSession,
  styles: number,
  Tensor: TensorConstructor,
): Promise<number> {
  const planes = Float32Array.from({ length: 3 * 48 * 64 }, (_, i) => 0.5 + 0.5 * Math.sin(i / 9));
  const row = new Float32Array(styles);
  row[styles - 1] = 1;
  const painted: Float32Array[] = [];
  for (const session of [one, other]) {
    const image = new Tensor("float32", planes, [1, 3, 48, 64]);
    const style_weights = new Tensor("float32", row, [1, styles]);
    const { stylized } = await session.run({ image, style_weights });
    painted.push((await stylized?.getData()) as Float32Array);
  }
  const [first, second] = painted;
  return (
    planes.reduce((sum, _, i) => sum + Math.abs((first?.[i] ?? 0) - (second?.[i] ?? 1)), 0) /
    planes.length
  );
}

interface Adapter {
  features: ReadonlySet<string>;
  info?: { isFallbackAdapter?: boolean };
}

/** What the GPU that may be used can do, or null where there is none. */
async function gpuFeatures(wanted: Gpu): Promise<ReadonlySet<string> | null> {
  if (wanted === "none") return null;
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter || (wanted === "hardware" && adapter.info?.isFallbackAdapter)) return null;
  return adapter.features;
}

function absolute(url: string): string {
  return new URL(url, self.location.href).href;
}
