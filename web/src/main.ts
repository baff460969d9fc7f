// The page: it starts the parts, opens files, and saves paintings.

import { Controls } from "./controls";
import { Live } from "./live";
import { copyPicture, download } from "./output";
import { element, say, warn } from "./page";
import { decode, FileError } from "./photograph";
import sample from "./sample.jpg?url";
import { MOST_PIXELS, Studio } from "./studio";

const studio = new Studio();
const live = new Live(studio);
const { engine, stage } = studio;

async function start(): Promise<void> {
  new Controls(studio);
  listen();
  const progress = element<HTMLProgressElement>("progress");
  engine.onProgress = (share) => {
    progress.value = share;
    say(`Loading the network, ${Math.round(share * 100)}%`);
  };
  const wanted = new URLSearchParams(location.search).get("engine");
  const gpu = wanted === "webgpu" ? "any" : wanted === "wasm" ? "none" : "hardware";
  const network = engine.start(gpu);
  try {
    const file = await (await fetch(sample)).blob();
    studio.use(await decode(file, "china.jpg", MOST_PIXELS));
  } catch (error) {
    studio.fail(error);
  }
  try {
    await network;
    engine.onProgress = () => {}; // a worker that starts again has it in the browser's cache
    studio.adoptModel();
    stage.split = 50;
    await studio.finished();
  } catch (error) {
    say("The network did not load.");
    studio.fail(error);
  }
  await navigator.serviceWorker?.register("./service-worker.js").catch(() => {});
}

function listen(): void {
  const file = element<HTMLInputElement>("file");
  file.addEventListener("change", () => {
    if (file.files?.[0]) void open(file.files[0]);
    file.value = "";
  });
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData?.files[0]) void open(clipboardData.files[0]);
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"] as const) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      const over = kind === "dragover" || kind === "dragenter";
      document.body.classList.toggle("dropping", over);
      if (kind === "drop" && event.dataTransfer?.files[0]) void open(event.dataTransfer.files[0]);
    });
  }
  element("alert-close").addEventListener("click", () => warn(""));
  element("png").addEventListener("click", () => void save("png"));
  element("jpeg").addEventListener("click", () => void save("jpeg"));
  element("copy").addEventListener("click", () => void copy());
  element("link").addEventListener("click", () => void copyLink());
}

/** Opens a file that was chosen, dropped or pasted: a photograph, or a model. */
async function open(file: File): Promise<void> {
  warn("");
  stage.busy = true;
  try {
    if (/\.onnx$/i.test(file.name)) {
      await openModel(file);
      return;
    }
    const opened = await decode(file, file.name, MOST_PIXELS);
    live.stop();
    element("credit").hidden = true;
    studio.use(opened);
  } catch (error) {
    studio.fail(error);
  }
}

async function openModel(file: File): Promise<void> {
  try {
    await engine.useModel(await file.arrayBuffer());
  } catch (error) {
    throw new FileError(`${file.name} ${(error as Error).message}`);
  }
  studio.adoptModel();
}

async function save(type: "png" | "jpeg"): Promise<void> {
  await studio.finished();
  const { style, second } = studio.settings;
  const parts = [studio.live ? "camera" : studio.photograph?.name, style, second];
  try {
    const name = await download(stage.painting, parts.filter(Boolean).join("-"), type);
    say(`Saved ${name}`);
  } catch (error) {
    studio.fail(error);
  }
}

async function copy(): Promise<void> {
  await studio.finished();
  try {
    await copyPicture(stage.painting);
    say("The picture is in the clipboard");
  } catch {
    warn("The browser did not allow the copy; download the picture instead.");
  }
}

async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link with these settings is in the clipboard");
  } catch {
    warn("The browser did not allow the copy; the address bar has the link.");
  }
}

void start();
