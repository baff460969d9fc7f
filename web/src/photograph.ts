// From a file to upright sRGB pixels, and the sizes that it can be painted at.

/** A photograph ready to be painted. */
export interface Photograph {
  bitmap: ImageBitmap;
  /** Its size in the file, which may be larger than the bitmap's. */
  width: number;
  height: number;
  /** The name of its file without the ending. */
  name: string;
}

export interface Size {
  width: number;
  height: number;
}

/** A file that cannot be used; the message is for the user. */
export class FileError extends Error {}

const USUAL = 1024; // long side that the page proposes
const LONG_SIDES = [256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192];
const MEMORY = 1.2e9; // bytes that the network may take
const MEMORY_SMALL = 4e8; // the same on a phone

/** Decodes an image file. At most `maxPixels` of it are kept. Throws FileError. */
export async function decode(file: Blob, name: string, maxPixels: number): Promise<Photograph> {
  let whole: ImageBitmap;
  try {
    whole = await createImageBitmap(file); // upright and in sRGB
  } catch {
    const advice = "use an intact JPEG, PNG or WebP";
    throw new FileError(`${name} is not an image that this browser can read; ${advice}`);
  }
  const { width, height } = whole;
  const bitmap = await shrunk(whole, within({ width, height }, maxPixels));
  return { bitmap, width, height, name: name.replace(/\.[^.]*$/, "") };
}

async function shrunk(whole: ImageBitmap, { width, height }: Size): Promise<ImageBitmap> {
  if (whole.width === width && whole.height === height) return whole;
  const bitmap = await createImageBitmap(whole, {
    resizeWidth: width,
    resizeHeight: height,
    resizeQuality: "high",
  });
  whole.close();
  return bitmap;
}

/** The most pixels that a network can paint here at once. */
export function pixelLimit(bytesPerPixel: number): number {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const small = (deviceMemory ?? 8) < 4 || matchMedia("(pointer: coarse)").matches;
  return Math.floor((small ? MEMORY_SMALL : MEMORY) / bytesPerPixel);
}

/** The long sides that a picture can be painted at, its own the last. */
export function longSides({ width, height }: Size): number[] {
  const own = Math.max(width, height);
  return [...LONG_SIDES.filter((side) => side < own), own];
}

/** The size of a picture whose long side is `long`; 0 stands for the size that is proposed. */
export function sizeOf({ width, height }: Size, long: number): Size {
  const own = Math.max(width, height);
  const scale = Math.min(long || USUAL, own) / own;
  return scaled({ width, height }, scale);
}

/** The size of a picture that is made smaller where it has more than `pixels` pixels. */
export function within(size: Size, pixels: number): Size {
  const scale = Math.sqrt(pixels / (size.width * size.height));
  if (scale >= 1) return size;
  return {
    width: Math.max(Math.floor(size.width * scale), 1),
    height: Math.max(Math.floor(size.height * scale), 1),
  };
}

function scaled({ width, height }: Size, scale: number): Size {
  return {
    width: Math.max(Math.round(width * scale), 1),
    height: Math.max(Math.round(height * scale), 1),
  };
}
