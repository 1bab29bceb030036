// The picks of one tomogram as they are now: those of the set and those that were added, in the order of a gallery.
import type { Points } from "../api/client";
import type { Tomogram } from "../api/types";
import type { Position } from "../viewers/Plane";
import type { Curated, Decision, Place } from "./edits";

export interface Pick {
  particle: number;
  /** Voxels, from voxel 0. */
  voxel: Place;
  axis: Place | null;
  score: number;
  decision: Decision | null;
  added: boolean;
}

export type Order = "best" | "worst" | "set";
export type Show = "all" | "open" | "accepted" | "rejected" | "added";

const middle = (tomogram: Tomogram) => [2, 1, 0].map((k) => Math.floor(tomogram.grid.dims[k]! / 2)) as Place;

/** From Å in the specimen to voxels of a tomogram. */
export function toVoxels(place: ArrayLike<number>, tomogram: Tomogram): Place {
  const half = middle(tomogram);
  return [0, 1, 2].map((k) => (place[k]! - tomogram.grid.centre[k]!) / tomogram.grid.voxel_size + half[k]!) as Place;
}

/** From a voxel to Å in the specimen. */
export function toSpecimen(voxel: Position, tomogram: Tomogram): Place {
  const half = middle(tomogram);
  return [0, 1, 2].map((k) => (voxel[k]! - half[k]!) * tomogram.grid.voxel_size + tomogram.grid.centre[k]!) as Place;
}

/** All picks of a tomogram, in the order of the set. */
export function picksOf(points: Points | null, oriented: boolean, now: Curated, tomogram: Tomogram): Map<number, Pick> {
  const picks = new Map<number, Pick>();
  for (let k = 0; k < (points?.count ?? 0); k += 1) {
    const particle = points!.row[k]!;
    const place = now.moved.get(particle) ?? points!.position.subarray(3 * k, 3 * k + 3);
    picks.set(particle, {
      particle,
      voxel: toVoxels(place, tomogram),
      axis: oriented ? ([...points!.axis.subarray(3 * k, 3 * k + 3)] as Place) : null,
      score: points!.value[k]!,
      decision: now.decisions.get(particle) ?? null,
      added: false,
    });
  }
  for (const [particle, point] of now.added) {
    if (point.tilt_series !== tomogram.tilt_series) continue;
    picks.set(particle, { particle, voxel: toVoxels(point.position, tomogram), axis: null, score: Number.NaN, decision: now.decisions.get(particle) ?? null, added: true });
  }
  return picks;
}

/** The particles that are shown, in their order; fixed while one works through them. */
export function ordered(picks: Map<number, Pick>, order: Order, show: Show): number[] {
  const shown = [...picks.values()].filter((pick) => {
    if (show === "added") return pick.added && pick.decision !== "rejected";
    if (pick.added && pick.decision === "rejected") return false;
    return show === "all" || (show === "open" ? pick.decision === null : pick.decision === show);
  });
  const sign = order === "best" ? -1 : 1;
  const value = (pick: Pick) => (Number.isNaN(pick.score) ? -Infinity : pick.score);
  if (order !== "set") shown.sort((a, b) => sign * (value(a) - value(b)) || a.particle - b.particle);
  return shown.map((pick) => pick.particle);
}

/** The column that is most likely a score. */
export function scoreColumn(columns: string[]): string {
  const likely = [/^score$/i, /score/i, /(lcc|fom|cc|correlation|likelihood|probability)/i];
  for (const pattern of likely) {
    const found = columns.find((label) => pattern.test(label));
    if (found) return found;
  }
  return "";
}
