// ONNX Runtime: WebGPU where the browser has it, else WebAssembly.

import type { InferenceSession, TensorConstructor } from "onnxruntime-web";
import gpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import cpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import cpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import halfModel from "../../../checkpoints/gallery.fp16.onnx?url";
import fullModel from "../../../checkpoints/gallery.onnx?url";
import type { EngineInfo } from "../protocol";

const MAX_THREADS = 8;

export interface Runtime {
  engine: EngineInfo;
  /** The address of the shipped model that suits this engine. */
  shipped: string;
  open(model: Uint8Array): Promise<InferenceSession>;
  Tensor: TensorConstructor;
}

/** Loads ONNX Runtime. `gpu` tells whether WebGPU may be used. */
export async function loadRuntime(gpu: boolean): Promise<Runtime> {
  const features = gpu ? await gpuFeatures() : null;
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
  return {
    engine: { name: "WebGPU", threads: 1 },
    shipped: absolute(model),
    open: (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ["webgpu"] }),
    Tensor: ort.Tensor,
  };
}

interface Adapter {
  features: ReadonlySet<string>;
}

/** What the browser's GPU can do, or null where there is none to use. */
async function gpuFeatures(): Promise<ReadonlySet<string> | null> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return adapter?.features ?? null;
}

function absolute(url: string): string {
  return new URL(url, self.location.href).href;
}
