// The page: what the user does, and what is painted then.

import { Camera } from "./camera";
import { Engine } from "./engine";
import { copyPicture, download } from "./output";
import { element, say, warn } from "./page";
import {
  decode,
  FileError,
  longSides,
  type Photograph,
  pixelLimit,
  type Size,
  sizeOf,
  within,
} from "./photograph";
import sample from "./sample.jpg?url";
import { fromHash, type Settings, styleRow, titleOf, toHash } from "./settings";
import { Stage } from "./stage";
import { Strip, THUMBNAIL } from "./strip";

const DECODED = 40_000_000; // most pixels of a photograph that are kept
const DRAFT = 100; // milliseconds that a draft may take
const SLOW = 250; // milliseconds from which a draft comes first
const SETTLED = 300; // milliseconds without a change, after which the whole is painted

const engine = new Engine();
const stage = new Stage();
const strip = new Strip();
const camera = new Camera(engine);
const strength = element<HTMLInputElement>("strength");
const blend = element<HTMLInputElement>("blend");
const second = element<HTMLSelectElement>("second");
const size = element<HTMLSelectElement>("size");
const colors = element<HTMLInputElement>("colors");
const progress = element<HTMLProgressElement>("progress");

let settings: Settings = fromHash("", []);
let photograph: Photograph | null = null;
let limit = Number.POSITIVE_INFINITY; // pixels that can be painted at once
let timer = 0; // of the painting that follows a draft
let painted: Promise<void> = Promise.resolve(); // when the newest painting is there

async function start(): Promise<void> {
  listen();
  engine.onProgress = (share) => {
    progress.value = share;
    say(`Loading the network, ${Math.round(share * 100)}%`);
  };
  const wanted = new URLSearchParams(location.search).get("engine");
  const gpu = wanted === "webgpu" ? "any" : wanted === "wasm" ? "none" : "hardware";
  const network = engine.start(gpu);
  try {
    const file = await (await fetch(sample)).blob();
    use(await decode(file, "china.jpg", DECODED));
  } catch (error) {
    fail(error);
  }
  try {
    await network;
    engine.onProgress = () => {}; // a worker that starts anew has it in the browser's cache
    adoptModel();
    stage.split = 50;
    await painted;
  } catch (error) {
    say("The network did not load.");
    fail(error);
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
  strip.onChoose = (style) => change({ style });
  strength.addEventListener("input", () =>
    change({ strength: strength.valueAsNumber / 100 }, true),
  );
  blend.addEventListener("input", () => change({ blend: blend.valueAsNumber / 100 }, true));
  second.addEventListener("change", () => change({ second: second.value }));
  size.addEventListener("change", () => change({ size: Number(size.value) }));
  colors.addEventListener("change", () => {
    change({ keepColors: colors.checked });
    paintThumbnails();
  });
  addEventListener("hashchange", () => {
    if (!engine.model || location.hash === toHash(settings)) return;
    settings = fromHash(location.hash, engine.model.styles);
    showSettings();
    void paint();
  });
  element("camera").addEventListener("click", () => void (camera.running ? freeze() : live()));
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
    if (/\.onnx$/i.test(file.name)) await openModel(file);
    else {
      const opened = await decode(file, file.name, DECODED);
      stopCamera();
      element("credit").hidden = true;
      use(opened);
    }
  } catch (error) {
    fail(error);
  }
}

async function openModel(file: File): Promise<void> {
  try {
    await engine.useModel(await file.arrayBuffer());
  } catch (error) {
    throw new FileError(`${file.name} ${(error as Error).message}`);
  }
  adoptModel();
}

/** Takes the styles of the model that has been loaded, and paints. */
function adoptModel(): void {
  if (!engine.model || !engine.info) return;
  const { styles, network, trainedOn, bytesPerPixel } = engine.model;
  limit = Math.min(pixelLimit(bytesPerPixel), DECODED);
  settings = fromHash(location.hash, styles);
  const names = styles.slice(1);
  strip.list(names);
  const options = names.map((name) => new Option(titleOf(name), name));
  second.replaceChildren(new Option("None", ""), ...options);
  const { name, threads } = engine.info;
  const alone = "one thread: the server sends no isolation headers, so painting is slower";
  const speed = threads > 1 ? `${threads} threads` : crossOriginIsolated ? "one thread" : alone;
  element("engine").textContent = `${name}${name === "WebGPU" ? "" : `, ${speed}`}.`;
  element("about").textContent =
    `${names.length} styles, network ${network}, trained on ${trainedOn}.`;
  showSettings();
  void paint();
  paintThumbnails();
}

/** Takes a photograph, and paints it. */
function use(opened: Photograph): void {
  photograph?.bitmap.close();
  photograph = opened;
  engine.usePhotograph(opened.bitmap);
  stage.showPhotograph(opened.bitmap, opened.width, opened.height);
  showSettings();
  void paint();
  paintThumbnails();
}

/** Changes settings, and paints: first a draft while a slider moves. */
function change(some: Partial<Settings>, moving = false): void {
  settings = { ...settings, ...some };
  showSettings();
  clearTimeout(timer);
  if (camera.running) return;
  const { width, height } = paintedSize();
  if (!moving || engine.expected(width * height) < SLOW) {
    void paint();
    return;
  }
  void paint(within({ width, height }, DRAFT / engine.expected(1)));
  timer = setTimeout(() => void paint(), SETTLED);
}

function showSettings(): void {
  const percent = (share: number): string => `${Math.round(share * 100)}%`;
  strength.value = String(settings.strength * 100);
  element("strength-value").textContent = percent(settings.strength);
  blend.value = String(settings.blend * 100);
  element("blend-value").textContent = percent(settings.blend);
  element("blend-row").hidden = settings.second === "";
  second.value = settings.second;
  colors.checked = settings.keepColors;
  if (!engine.model) return;
  strip.choose(settings.style);
  const names = [settings.style, settings.second].filter(Boolean).map(titleOf);
  element("title").textContent = names.join(" and ");
  if (photograph) showSizes(photograph);
  history.replaceState(null, "", toHash(settings));
}

function showSizes(whole: Size): void {
  const options = new Map<string, HTMLOptionElement>();
  const proposed = sizeOf(whole, 0);
  const text = ({ width, height }: Size): string => `${width} × ${height}`;
  for (const side of longSides(whole)) {
    const shown = within(sizeOf(whole, side), limit);
    const value = text(shown) === text(proposed) ? 0 : side;
    if (!options.has(text(shown))) options.set(text(shown), new Option(text(shown), String(value)));
  }
  size.replaceChildren(...options.values());
  const chosen = options.get(text(paintedSize()));
  if (chosen) chosen.selected = true;
}

function paintedSize(): Size {
  return within(sizeOf(photograph ?? { width: 1, height: 1 }, settings.size), limit);
}

/** Paints the photograph large, at its size or as a draft. */
function paint(draft?: Size): Promise<void> {
  if (!draft) clearTimeout(timer);
  timer = 0;
  const painting = paintNow(draft ?? paintedSize());
  if (!draft) painted = painting;
  return painting;
}

async function paintNow({ width, height }: Size): Promise<void> {
  if (!photograph || !engine.model || camera.running) return;
  const { keepColors } = settings;
  const row = styleRow(settings, engine.model.styles);
  const end = showProgress(engine.expected(width * height), `${width} × ${height}`);
  try {
    const result = await engine.paint({ width, height, square: false, row, keepColors });
    if (!result || camera.running) return;
    stage.showPainting(result.pixels);
    say(describe({ width, height }, result.milliseconds));
  } catch (error) {
    if (width * height < 1e6) fail(error);
    else await paintSmaller({ width, height });
  } finally {
    end();
  }
}

/** Paints at half of the pixels, where the whole does not fit into memory. */
async function paintSmaller({ width, height }: Size): Promise<void> {
  limit = (width * height) / 2;
  warn(`${width} × ${height} pixels did not fit into memory; the painting is smaller.`);
  showSettings();
  await paint();
}

function describe(size: Size, milliseconds: number): string {
  const pixels = `${size.width} × ${size.height}`;
  const own = photograph ? `${photograph.width} × ${photograph.height}` : "";
  const wanted = photograph ? sizeOf(photograph, settings.size) : size;
  const limited = size.width < wanted.width;
  const of = limited ? ` of ${own}, the most that fits in memory here` : "";
  return `${pixels}${of}, painted in ${(milliseconds / 1000).toFixed(2)} s`;
}

let showing = 0; // the progress that is shown

/** Lets the bar grow over the time that is expected; the function returned ends it. */
function showProgress(expected: number, size: string): () => void {
  stage.busy = true;
  const mine = ++showing;
  const since = performance.now();
  if (expected > 1000) say(`Painting ${size}, about ${Math.round(expected / 1000)} s`);
  else if (!stage.painted) say("Painting");
  const grow = (): void => {
    if (mine !== showing) return;
    progress.value = Math.min((performance.now() - since) / expected, 0.97);
    requestAnimationFrame(grow);
  };
  progress.hidden = expected < SLOW;
  grow();
  return () => {
    if (mine !== showing) return;
    showing++;
    progress.hidden = true;
    stage.busy = timer !== 0;
  };
}

function paintThumbnails(): void {
  const styles = engine.model?.styles ?? [];
  if (!photograph || styles.length === 0) return;
  const { keepColors } = settings;
  strip.fade();
  for (const style of styles.slice(1)) {
    const row = styleRow({ ...settings, style, second: "", strength: 1 }, styles);
    const square = { width: THUMBNAIL, height: THUMBNAIL, square: true };
    engine
      .paintLater({ ...square, row, keepColors })
      .then((result) => result && strip.showThumbnail(style, result.pixels))
      .catch(fail);
  }
}

async function live(): Promise<void> {
  warn("");
  if (!engine.model) return;
  try {
    await camera.start();
  } catch (error) {
    const refused = (error as Error).name === "NotAllowedError";
    const remedy = "allow it for this page in the browser, or choose a photograph";
    warn(refused ? `The camera was refused; ${remedy}.` : "No camera was found.");
    return;
  }
  clearTimeout(timer);
  showCamera(true);
  element("credit").hidden = true;
  const { styles } = engine.model;
  engine.usePhotograph(await camera.still());
  paintThumbnails();
  const speed = element("speed");
  camera.onFrame = (frame, { pixels }, perSecond) => {
    stage.showFrame(frame, pixels);
    const rate = perSecond ? `${perSecond.toFixed(1)} frames a second, ` : "";
    speed.textContent = `${rate}${pixels.width} × ${pixels.height}`;
  };
  try {
    const row = (): Float32Array => styleRow(settings, styles);
    await camera.paint(() => ({ row: row(), keepColors: settings.keepColors }));
  } catch (error) {
    stopCamera();
    fail(error);
  }
}

/** Stops the camera, and takes what it saw last as the photograph. */
async function freeze(): Promise<void> {
  const bitmap = await camera.still();
  stopCamera();
  const { width, height } = bitmap;
  use({ bitmap, width, height, name: "camera" });
}

function stopCamera(): void {
  if (!camera.running) return;
  camera.stop();
  showCamera(false);
}

function showCamera(running: boolean): void {
  element("camera-text").textContent = running ? "Freeze" : "Camera";
  element("camera").classList.toggle("live", running);
  element("speed").hidden = !running;
  size.disabled = running;
  if (running) say("Painting what the camera sees");
}

async function save(type: "png" | "jpeg"): Promise<void> {
  await finished();
  const parts = [camera.running ? "camera" : photograph?.name, settings.style, settings.second];
  try {
    const name = await download(stage.painting, parts.filter(Boolean).join("-"), type);
    say(`Saved ${name}`);
  } catch (error) {
    fail(error);
  }
}

async function copy(): Promise<void> {
  await finished();
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
    say("The link is in the clipboard: it brings these settings");
  } catch {
    warn("The browser did not allow the copy; the address bar has the link.");
  }
}

/** Waits for the whole painting, where a draft is on the page. */
async function finished(): Promise<void> {
  if (timer) void paint();
  await painted;
}

function fail(error: unknown): void {
  stage.busy = false;
  if (!(error instanceof FileError)) console.error(error);
  const text = error instanceof Error ? error.message : String(error);
  warn(text.endsWith(".") ? text : `${text}.`);
}

void start();
