// The colour of each particle: by class, half, direction, or a number on a scale from dark to bright.
import * as THREE from "three";
import type { Points } from "../api/client";
import { colour } from "../app/theme";
import { number } from "../app/words";

export type Colouring = "class" | "half" | "direction" | "none" | `column:${string}`;

export interface Colours {
  of: (k: number, into: THREE.Color) => THREE.Color;
  /** Ends of the scale, where there is one. */
  low?: string;
  high?: string;
}

/** From blue over green to yellow, even to the eye. */
const RAMP = [0x3b4c8c, 0x2f7f8e, 0x35a57f, 0x8fc855, 0xf3e55c].map((one) => new THREE.Color(one));

export function onRamp(share: number, into: THREE.Color): THREE.Color {
  const place = Math.max(0, Math.min(1, share)) * (RAMP.length - 1);
  const below = Math.min(RAMP.length - 2, Math.floor(place));
  return into.copy(RAMP[below]!).lerp(RAMP[below + 1]!, place - below);
}

/** The values that 2 and 98 of a hundred numbers are below. */
function ends(values: Float32Array): [number, number] {
  const known = values.filter((value) => Number.isFinite(value)).sort();
  if (known.length === 0) return [0, 1];
  const at = (share: number) => known[Math.min(known.length - 1, Math.floor(share * known.length))]!;
  return [at(0.02), at(0.98)];
}

export function colouring(points: Points, by: Colouring): Colours {
  const palette = ["c1", "c2", "c3", "c4", "c5", "c6"].map((name) => new THREE.Color(colour(name)));
  const plain = palette[0]!;
  if (by === "class") return { of: (k, into) => into.copy(palette[(points.class[k]! + 5) % 6]!) };
  if (by === "half") return { of: (k, into) => into.copy(palette[(points.half[k]! + 5) % 6]!) };
  if (by === "direction") {
    const part = (k: number, axis: number) => 0.5 + 0.5 * points.axis[3 * k + axis]!;
    return { of: (k, into) => into.setRGB(part(k, 0), part(k, 1), part(k, 2)) };
  }
  if (by === "none") return { of: (_, into) => into.copy(plain) };
  const [low, high] = ends(points.value);
  const unknown = new THREE.Color(colour("edge"));
  const width = Math.max(high - low, 1e-30);
  const of = (k: number, into: THREE.Color) => {
    const value = points.value[k]!;
    return Number.isFinite(value) ? onRamp((value - low) / width, into) : into.copy(unknown);
  };
  return { of, low: number(low), high: number(high) };
}
