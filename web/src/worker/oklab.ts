// Keeps the photograph's colors: the lightness of the painting, hue and chroma of the photograph.
// The space is Oklab (Ottosson 2020), as in styletransfer/inference/color.py.

const HALVINGS = 10; // of the interval in which the greatest chroma lies
const SLACK = 1e-5; // in linear light, above the rounding errors of colors inside

// From a level to linear light, and from linear light in 1/65535 to the nearest level.
const LINEAR = Float64Array.from({ length: 256 }, (_, level) => linearLight(level / 255));
const LEVELS = new Uint8Array(65536);
for (let step = 0, level = 0; step < LEVELS.length; step++) {
  while (level < 255 && linearLight((level + 0.5) / 255) * 65535 < step) level++;
  LEVELS[step] = level;
}

function linearLight(encoded: number): number {
  return encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4;
}

/** Changes the colors of `painted` in place. Both are RGBA in sRGB, of one size. */
export function preserveColors(painted: Uint8ClampedArray, photograph: Uint8ClampedArray): void {
  const lab = new Float64Array(3);
  const rgb = new Float64Array(3);
  for (let at = 0; at < painted.length; at += 4) {
    toOklab(painted, at, lab);
    const lightness = at3(lab, 0);
    toOklab(photograph, at, lab);
    const a = at3(lab, 1);
    const b = at3(lab, 2);
    const scale = fittingChroma(lightness, a, b, rgb);
    toLinear(lightness, scale * a, scale * b, rgb);
    for (let channel = 0; channel < 3; channel++) {
      const light = Math.min(Math.max(at3(rgb, channel), 0), 1);
      painted[at + channel] = LEVELS[Math.floor(light * 65535 + 0.5)] ?? 0;
    }
  }
}

/** The share of the chroma that sRGB can show at this lightness and hue. */
function fittingChroma(lightness: number, a: number, b: number, rgb: Float64Array): number {
  let above = excess(lightness, a, b, rgb);
  if (above <= SLACK) return 1;
  let inside = 0;
  let outside = 1;
  let below = excess(lightness, 0, 0, rgb);
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (inside + outside) / 2;
    const over = excess(lightness, middle * a, middle * b, rgb);
    if (over <= 0) {
      inside = middle;
      below = over;
    } else {
      outside = middle;
      above = over;
    }
  }
  // The border is next to straight within what is left of the interval.
  return inside + (outside - inside) * (below / (below - above));
}

/** How far a color lies outside 0..1 in linear light; 0 or less inside. */
function excess(lightness: number, a: number, b: number, rgb: Float64Array): number {
  toLinear(lightness, a, b, rgb);
  const [red, green, blue] = rgb as unknown as [number, number, number];
  return Math.max(Math.max(red, green, blue) - 1, -Math.min(red, green, blue));
}

function toOklab(pixels: Uint8ClampedArray, at: number, lab: Float64Array): void {
  const green = LINEAR[pixels[at + 1] ?? 0] ?? 0;
  const red = (LINEAR[pixels[at] ?? 0] ?? 0) - green;
  const blue = (LINEAR[pixels[at + 2] ?? 0] ?? 0) - green;
  const medium = Math.cbrt(green + 0.2119034982 * red + 0.1073969566 * blue);
  const long = Math.cbrt(green + 0.4122214708 * red + 0.0514459929 * blue) - medium;
  const short = Math.cbrt(green + 0.0883024619 * red + 0.6299787005 * blue) - medium;
  lab[0] = medium + 0.2104542553 * long - 0.0040720468 * short;
  lab[1] = 1.9779984951 * long + 0.4505937099 * short;
  lab[2] = 0.0259040371 * long - 0.808675766 * short;
}

function toLinear(lightness: number, a: number, b: number, rgb: Float64Array): void {
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3 - medium;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3 - medium;
  rgb[0] = medium + 4.0767416621 * long + 0.2309699292 * short;
  rgb[1] = medium - 1.2684380046 * long - 0.3413193965 * short;
  rgb[2] = medium - 0.0041960863 * long + 1.707614701 * short;
}

function at3(values: Float64Array, index: number): number {
  return values[index] ?? 0;
}
