// What the user has set, its row of style weights, and the link that carries it.

export interface Settings {
  style: string;
  /** A second style to blend in; "" for none. */
  second: string;
  /** Share of the second style, from 0 to 1. */
  blend: number;
  /** From 0, the photograph, to 1, the whole style. */
  strength: number;
  keepColors: boolean;
  /** Long side of the painting in pixels; 0 for the size that the page proposes. */
  size: number;
}

/** The row of weights, which sums to 1. Style 0 is the photograph itself. */
export function styleRow(settings: Settings, styles: readonly string[]): Float32Array {
  const row = new Float32Array(styles.length);
  const share = settings.second ? settings.blend : 0;
  const add = (name: string, weight: number): void => {
    const index = Math.max(styles.indexOf(name), 0);
    row[index] = (row[index] ?? 0) + weight;
  };
  add(settings.style, settings.strength * (1 - share));
  add(settings.second, settings.strength * share);
  row[0] = (row[0] ?? 0) + 1 - settings.strength;
  return row;
}

/** Writes settings as the part of an address after #. */
export function toHash(settings: Settings): string {
  const words = new URLSearchParams({ style: settings.style });
  if (settings.strength !== 1) words.set("strength", percent(settings.strength));
  if (settings.second) {
    words.set("second", settings.second);
    words.set("blend", percent(settings.blend));
  }
  if (settings.keepColors) words.set("colors", "photograph");
  if (settings.size) words.set("size", String(settings.size));
  return `#${words}`;
}

/** Reads settings from an address. What is missing or makes no sense gets its usual value. */
export function fromHash(hash: string, styles: readonly string[]): Settings {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const known = (name: string | null): string => (name && styles.includes(name) ? name : "");
  const share = (key: string, usual: number): number => {
    const number = Number.parseFloat(words.get(key) ?? "");
    return Number.isFinite(number) ? Math.min(Math.max(number / 100, 0), 1) : usual;
  };
  return {
    style: known(words.get("style")) || (styles[1] ?? "identity"),
    second: known(words.get("second")),
    blend: share("blend", 0.5),
    strength: share("strength", 1),
    keepColors: words.get("colors") === "photograph",
    size: Math.max(Number.parseInt(words.get("size") ?? "", 10) || 0, 0),
  };
}

/** Makes a title of a style's name: the_scream is The Scream. */
export function titleOf(style: string): string {
  return style
    .split(/[_\s]+/)
    .filter(Boolean)
    .map((word, place) => {
      if (/^[ivx]+$/.test(word)) return word.toUpperCase();
      if (place > 0 && /^(a|an|and|at|in|of|on|the|with)$/.test(word)) return word;
      return word.charAt(0).toUpperCase() + word.slice(1);
    })
    .join(" ");
}

function percent(share: number): string {
  return String(Math.round(share * 100));
}
