// Reads what an ONNX file says of itself, by a walk through the fields of its protobuf message.

import type { ModelInfo } from "../protocol";

/** A file that is no model of ours. */
export class ModelError extends Error {}

const FORMAT = "1";
const INPUTS = ["image", "style_weights"];
const OUTPUT = "stylized";
const KEYS = ["format", "styles", "network", "receptive_field", "trained_on"];
// Assumed of a file that does not say.
const BYTES_PER_PIXEL = 512;

// Numbers of fields in ModelProto, GraphProto, ValueInfoProto and StringStringEntryProto.
const GRAPH = 7;
const METADATA = 14;
const GRAPH_INPUT = 11;
const GRAPH_OUTPUT = 12;
const VALUE_NAME = 1;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;

/** Checks that a file is a styletransfer model, and tells its styles. Throws ModelError. */
export function readModel(bytes: Uint8Array): ModelInfo {
  const { metadata, inputs, outputs } = readGraph(bytes);
  const lacks = KEYS.map((key) => `styletransfer.${key}`)
    .filter((key) => !metadata.has(key))
    .map((key) => `metadata ${key}`);
  lacks.push(...INPUTS.filter((name) => !inputs.includes(name)).map((name) => `input ${name}`));
  if (!outputs.includes(OUTPUT)) lacks.push(`output ${OUTPUT}`);
  if (lacks.length > 0) {
    throw new ModelError(`is not a styletransfer model; it lacks ${lacks.join(", ")}`);
  }
  const text = (key: string): string => metadata.get(`styletransfer.${key}`) ?? "";
  if (text("format") !== FORMAT) {
    throw new ModelError(`has format ${text("format")}, and this page reads only ${FORMAT}`);
  }
  return {
    styles: readStyles(text("styles")),
    network: text("network"),
    trainedOn: text("trained_on"),
    bytesPerPixel: Number.parseInt(text("bytes_per_pixel"), 10) || BYTES_PER_PIXEL,
  };
}

function readStyles(text: string): string[] {
  let names: unknown;
  try {
    names = JSON.parse(text);
  } catch {
    names = null;
  }
  const named = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((name) => typeof name === "string");
  if (!named(names) || names[0] !== "identity" || new Set(names).size < names.length) {
    throw new ModelError(
      "has no JSON list of different names, the first identity, as its styletransfer.styles",
    );
  }
  return names;
}

interface Graph {
  metadata: Map<string, string>;
  inputs: string[];
  outputs: string[];
}

function readGraph(bytes: Uint8Array): Graph {
  const found: Graph = { metadata: new Map(), inputs: [], outputs: [] };
  try {
    for (const [field, part] of fields(bytes)) {
      if (field === METADATA)
        found.metadata.set(textOf(part, ENTRY_KEY), textOf(part, ENTRY_VALUE));
      if (field !== GRAPH) continue;
      for (const [inner, value] of fields(part)) {
        if (inner === GRAPH_INPUT) found.inputs.push(textOf(value, VALUE_NAME));
        if (inner === GRAPH_OUTPUT) found.outputs.push(textOf(value, VALUE_NAME));
      }
    }
  } catch (error) {
    if (error instanceof RangeError) throw new ModelError("is not an ONNX file");
    throw error;
  }
  return found;
}

function textOf(message: Uint8Array, wanted: number): string {
  for (const [field, part] of fields(message)) {
    if (field === wanted) return new TextDecoder().decode(part);
  }
  return "";
}

/** Yields the number and the bytes of each field that has a length. Throws RangeError. */
function* fields(message: Uint8Array): Generator<[number, Uint8Array]> {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let power = 1; ; power *= 128) {
      const byte = message[at++];
      if (byte === undefined || power > 2 ** 63) throw new RangeError("no number here");
      value += (byte & 127) * power;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = number();
    const field = Math.floor(tag / 8);
    const type = tag % 8;
    if (field === 0) throw new RangeError("no field has the number 0");
    if (type === 0) {
      number();
      continue;
    }
    const length = type === 2 ? number() : type === 1 ? 8 : type === 5 ? 4 : Number.NaN;
    if (!(at + length <= message.length)) throw new RangeError("a field without an end");
    if (type === 2) yield [field, message.subarray(at, at + length)];
    at += length;
  }
}
