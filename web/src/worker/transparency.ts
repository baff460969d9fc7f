// Fills what transparent pixels hide from what shows nearby, so that the network does not paint
// visible pixels by colors that nobody sees.

const LAYERS = 8; // of each level: where a quarter of its block shows, its color covers nine tenths
const NOTHING_SHOWS = "rgb(128 128 128)";

/** The colors of a picture, with others in the place of those that are wholly transparent. */
export function fillHidden(picture: ImageData): Uint8ClampedArray {
  const { data } = picture;
  const hidden = (at: number): boolean => data[at + 3] === 0;
  let some = false;
  for (let at = 0; at < data.length && !some; at += 4) some = hidden(at);
  if (!some) return data;
  const colors = surroundings(picture);
  for (let at = 0; at < data.length; at += 4) {
    if (!hidden(at)) colors.set(data.subarray(at, at + 4), at);
  }
  return colors;
}

/** The picture over smaller and smaller, so smoother and smoother, copies of itself. */
function surroundings(picture: ImageData): Uint8ClampedArray {
  const { width, height } = picture;
  let level = new OffscreenCanvas(width, height);
  level.getContext("2d")?.putImageData(picture, 0, 0);
  const filled = new OffscreenCanvas(width, height).getContext("2d");
  if (!filled) throw new Error("this browser gives no canvas to a worker");
  filled.globalCompositeOperation = "destination-over";
  while (level.width > 1 || level.height > 1) {
    level = half(level);
    for (let i = 0; i < LAYERS; i++) filled.drawImage(level, 0, 0, width, height);
  }
  filled.fillStyle = NOTHING_SHOWS;
  filled.fillRect(0, 0, width, height);
  return filled.getImageData(0, 0, width, height).data;
}

function half(canvas: OffscreenCanvas): OffscreenCanvas {
  const smaller = new OffscreenCanvas(Math.ceil(canvas.width / 2), Math.ceil(canvas.height / 2));
  smaller.getContext("2d")?.drawImage(canvas, 0, 0, smaller.width, smaller.height);
  return smaller;
}
