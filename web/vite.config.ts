import { createHash } from "node:crypto";
import { defaultClientConditions, defineConfig, type Plugin } from "vite";

// Threads need shared memory, which browsers give only to pages with these headers.
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Tells the service worker which files to keep: all but those that only WebGPU needs. */
function listFiles(): Plugin {
  return {
    name: "list-files",
    enforce: "post",
    generateBundle(_, bundle) {
      const names = Object.keys(bundle).filter((name) => name !== "service-worker.js");
      const version = createHash("sha256").update(names.sort().join()).digest("hex").slice(0, 12);
      const kept = names.filter((name) => !/asyncify|fp16|webgpu|index\.html/.test(name));
      const chunk = bundle["service-worker.js"];
      if (chunk?.type !== "chunk") throw new Error("there is no service worker");
      chunk.code = `const VERSION=${JSON.stringify(version)},FILES=${JSON.stringify(["./", ...kept])};${chunk.code}`;
    },
  };
}

export default defineConfig({
  base: "./",
  resolve: {
    // ONNX Runtime's WebAssembly is a file of its own, not a part of its script.
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  worker: { format: "es" },
  build: {
    outDir: "../styletransfer/web/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    rollupOptions: {
      input: { index: "index.html", "service-worker": "src/service-worker.ts" },
      output: {
        entryFileNames: ({ name }) =>
          name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js",
      },
    },
  },
  plugins: [listFiles()],
  server: { headers, fs: { allow: [".."] } },
});
