// From the text of a field to the value of a parameter, and back.
import type { Json, Kind, Parameter } from "../api/types";

type Parsed = { value: Json } | { error: string };

export function textOf(parameter: Parameter, value: Json): string {
  if (value === null) return "";
  if (parameter.kind === "list" && Array.isArray(value)) return value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function single(kind: Kind, text: string): Parsed {
  switch (kind) {
    case "number": {
      const value = Number(text.replace(",", "."));
      return text.trim() !== "" && Number.isFinite(value) ? { value } : { error: "a number is expected" };
    }
    case "integer": {
      const value = Number(text);
      return text.trim() !== "" && Number.isSafeInteger(value) ? { value } : { error: "a whole number is expected" };
    }
    case "boolean":
      return { value: text === "true" };
    case "json":
      try {
        return { value: JSON.parse(text) as Json };
      } catch {
        return /^[a-z0-9-]+$/i.test(text) ? { value: text } : { error: "JSON or a word is expected" };
      }
    default:
      return { value: text };
  }
}

export function parse(parameter: Parameter, text: string): Parsed {
  if (text.trim() === "" && parameter.optional) return { value: null };
  if (parameter.kind === "list") {
    const lines = text.split(parameter.element === "text" ? /\n/ : /[\n,;\s]+/).map((line) => line.trim()).filter(Boolean);
    const found = lines.map((line) => single(parameter.element ?? "text", line));
    const error = found.find((one) => "error" in one);
    return error ?? { value: found.map((one) => (one as { value: Json }).value) };
  }
  const found = single(parameter.kind, text);
  if ("value" in found && typeof found.value === "number") {
    const { minimum, maximum } = parameter;
    if (minimum !== null && found.value < minimum) return { error: `at least ${minimum} is expected` };
    if (maximum !== null && found.value > maximum) return { error: `at most ${maximum} is expected` };
  }
  return found;
}

/** A tree of parameters from paths and values. */
export function tree(leaves: [string[], Json][]): Json {
  const root: { [name: string]: Json } = {};
  for (const [path, value] of leaves) {
    let place = root;
    path.slice(0, -1).forEach((name) => {
      place = (place[name] ??= {}) as { [name: string]: Json };
    });
    place[path[path.length - 1]!] = value;
  }
  return root;
}
