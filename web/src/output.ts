// Ways out: a file, the clipboard, a link.

const QUALITY = 0.95;

/** Encodes a canvas. JPEG has no transparency, so there white lies behind. */
async function encode(canvas: HTMLCanvasElement, type: string): Promise<Blob> {
  const target = document.createElement("canvas");
  target.width = canvas.width;
  target.height = canvas.height;
  const context = target.getContext("2d");
  if (context && type === "image/jpeg") {
    context.fillStyle = "white";
    context.fillRect(0, 0, target.width, target.height);
  }
  context?.drawImage(canvas, 0, 0);
  return await new Promise((resolve, reject) => {
    target.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("this browser cannot encode it"))),
      type,
      QUALITY,
    );
  });
}

/** Downloads a canvas as `name` with the ending of its type. */
export async function download(
  canvas: HTMLCanvasElement,
  name: string,
  type: "png" | "jpeg",
): Promise<string> {
  const blob = await encode(canvas, `image/${type}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${type === "png" ? "png" : "jpg"}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return link.download;
}

/** Copies a canvas to the clipboard as PNG. */
export async function copyPicture(canvas: HTMLCanvasElement): Promise<void> {
  // A promise, as Safari asks for the click and the write in one breath.
  const item = new ClipboardItem({ "image/png": encode(canvas, "image/png") });
  await navigator.clipboard.write([item]);
}
