// Gold beads over a tilt image: where each was found, and, drawn long, how far that is from where the alignment puts it.
import { blob, get } from "../api/client";
import type { Detail, TiltSeries } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { useProject } from "../app/store";

/** A bead in a view: Å from the middle of the image. */
export interface Bead { track: number; view: number; x: number; y: number; dx: number; dy: number; weight: number }

/** How many times longer residuals are drawn than they are. */
const LONGER = 20;
/** Radius of a ring, Å. */
const RING = 60;

/** The nearest job, among those that a result came from, that wrote down tracks of beads. */
function useSource(place: ObjectPlace): { job: number; slot: string } | null {
  const { jobs } = useProject();
  const known = new Map(jobs.map((job) => [job.job, job]));
  const line = [place.job];
  for (const one of line) for (const filled of known.get(one)?.inputs ?? []) if (!line.includes(filled.job)) line.push(filled.job);
  for (const number of line) {
    const found = known.get(number)?.outputs.find((output) => output.slot === "fiducials" && output.items > 0);
    if (found) return { job: number, slot: found.slot };
  }
  return null;
}

async function read(source: { job: number; slot: string }, name: string): Promise<Bead[]> {
  const detail = await get<Detail>(`/api/jobs/${source.job}`);
  const items = detail.outputs[source.slot] ?? [];
  const item = items.findIndex((one) => one.name === name);
  const file = items[item]?.files.findIndex((one) => one.endsWith(".tracks.tsv")) ?? -1;
  if (item < 0 || file < 0) return [];
  const text = await (await blob(api({ ...source, item }, `files/${file}`))).text();
  const rows = text.trim().split("\n").slice(1).map((line) => line.split("\t").map(Number));
  return rows.filter((row) => row.length >= 7 && row.every(Number.isFinite)).map(([track, view, x, y, dx, dy, weight]) => ({ track: track!, view: view! - 1, x: x!, y: y!, dx: dx!, dy: dy!, weight: weight! }));
}

/** The beads of a tilt series, where the job or one that it came from found some. */
export function useBeads(place: ObjectPlace, series: TiltSeries): Bead[] {
  const source = useSource(place);
  const found = useLoad(source ? `${source.job}.${source.slot} ${series.name}` : null, () => read(source!, series.name));
  return found.value ?? [];
}

export function Fiducials({ beads, series }: { beads: Bead[]; series: TiltSeries }) {
  const [width, height] = series.image_size;
  const size = series.pixel_size;
  return (
    <svg className="fiducials" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" data-beads={beads.length}>
      {beads.map((bead) => {
        const x = bead.x / size + Math.floor(width / 2) + 0.5;
        const y = height - (bead.y / size + Math.floor(height / 2) + 0.5);
        return (
          <g key={bead.track} opacity={0.35 + 0.65 * Math.min(1, bead.weight)}>
            <circle cx={x} cy={y} r={RING / size} />
            <line x1={x} y1={y} x2={x + (LONGER * bead.dx) / size} y2={y - (LONGER * bead.dy) / size} />
            <text x={x + (1.3 * RING) / size} y={y} fontSize={Math.max(9, width / 60)}>{bead.track}</text>
          </g>
        );
      })}
    </svg>
  );
}

/** Root mean square residual, Å. */
export function residual(beads: Bead[]): number {
  return Math.sqrt(beads.reduce((sum, bead) => sum + bead.dx ** 2 + bead.dy ** 2, 0) / Math.max(1, beads.length));
}
