// Small helpers for the elements of the page.

/** The element with this id. */
export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found as T;
}

/** Draws pixels onto a canvas, which takes their size. */
export function show(canvas: HTMLCanvasElement, picture: ImageData | ImageBitmap): void {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  const context = canvas.getContext("2d");
  if (picture instanceof ImageData) {
    context?.putImageData(picture, 0, 0);
    return;
  }
  context?.clearRect(0, 0, canvas.width, canvas.height);
  context?.drawImage(picture, 0, 0);
}

/** Says something in the line below the painting, to screen readers as well. */
export function say(text: string): void {
  element("status").textContent = text;
}

/** Tells of something that failed. It stays until it is closed or something else succeeds. */
export function warn(text: string): void {
  element("alert-text").textContent = text;
  element("alert").hidden = text === "";
}
