// What is laid over the planes of a volume: particles as circles where the plane cuts them, with the direction of their axis,
// and a mask or segmentation in colour.
import { useEffect, useRef, useState } from "react";
import { get, packed, points, type Points } from "../api/client";
import type { ParticlesSummary, Tomogram, VolumeSummary } from "../api/types";
import { useLoad } from "../app/load";
import { api, placeOf, placeText, type ObjectPlace } from "../app/objects";
import { useProject } from "../app/store";
import { colour, useTheme } from "../app/theme";
import { operationName, words } from "../app/words";
import { Slider } from "../parts/Slider";
import { AXES, type Axis, type Position } from "./Plane";

/** Particles of one tomogram at most. */
const MOST = 50_000;
/** The newest results that are offered. */
const OFFERED = 40;

/** Particles to be drawn: places in voxels, from voxel 0. */
export interface Marks {
  places: Float32Array;
  axis: Float32Array | null;
  radius: number;
  /** How each is drawn: as all others, as accepted, as rejected, as added by hand; all alike when absent. */
  tint?: Uint8Array;
  /** The one that stands out. */
  selected?: number;
}

/** Colours of the tints. */
const TINTS = ["c2", "good", "bad", "c3"];

export interface Overlay {
  particles: Marks | null;
  mask: ObjectPlace | null;
}

interface Choice { text: string; name: string }

function useResults(kind: string): Choice[] {
  const { jobs } = useProject();
  const found: Choice[] = [];
  for (let k = jobs.length - 1; k >= 0 && found.length < OFFERED; k -= 1) {
    for (const output of jobs[k]!.outputs) {
      if (output.kind !== kind || output.items === 0) continue;
      const name = `Job ${jobs[k]!.job}, ${operationName(jobs[k]!.operation)}: ${words(output.slot).toLowerCase()}`;
      found.push({ text: `${jobs[k]!.job}.${output.slot}.0`, name });
    }
  }
  return found;
}

/** From Å in the specimen to voxels of a tomogram. */
function inVoxels(found: Points, tomogram: Tomogram): Float32Array {
  const { dims, voxel_size: voxel, centre } = tomogram.grid;
  const middle = [Math.floor(dims[2] / 2), Math.floor(dims[1] / 2), Math.floor(dims[0] / 2)];
  return found.position.map((value, k) => (value - centre[k % 3]!) / voxel + middle[k % 3]!);
}

async function read(key: string): Promise<{ places: Float32Array; axis: Float32Array | null }> {
  const [of, from] = key.split(" ").map((text) => placeOf(text)!);
  const tomogram = await get<Tomogram>(api(of!, "document"));
  const summary = await get<ParticlesSummary>(api(from!, "particles"));
  const series = summary.tilt_series.findIndex(([name]) => name === tomogram.tilt_series);
  if (series < 0) return { places: new Float32Array(), axis: null };
  const found = await points(api(from!, `particles/points?most=${MOST}&series=${series}`));
  return { places: inVoxels(found, tomogram), axis: summary.oriented ? found.axis : null };
}

/** The choice of what is laid over, and what that is. */
export function useOverlay(place: ObjectPlace, kind: string, summary: VolumeSummary, marks: Marks | null): { overlay: Overlay | null; tools: React.ReactNode } {
  const sets = useResults("particles");
  const masks = useResults("mask");
  const [set, setSet] = useState("");
  const [mask, setMask] = useState("");
  const [diameter, setDiameter] = useState(200);
  const found = useLoad(set ? `${placeText(place)} ${set}` : null, read);
  const volume = useLoad(mask ? api(placeOf(mask)!, "volume") : null, (key) => get<VolumeSummary>(key));
  const fits = volume.value ? volume.value.shape.every((n, k) => n === summary.shape[k]) : true;
  const chosen = set && found.value ? { ...found.value, radius: diameter / 2 / (summary.voxel_size ?? 1) } : null;
  const particles = marks ?? chosen;
  const overlay = particles || (mask && fits) ? { particles, mask: mask && fits && volume.value ? placeOf(mask) : null } : null;
  const choice = (label: string, value: string, set: (text: string) => void, choices: Choice[], none: string) =>
    choices.length > 0 ? (
      <select aria-label={label} value={value} onChange={(event) => set(event.target.value)}>
        <option value="">{none}</option>
        {choices.map((one) => <option key={one.text} value={one.text}>{one.name}</option>)}
      </select>
    ) : null;
  const tools = (
    <>
      {kind === "tomogram" && !marks ? choice("Particles over it", set, setSet, sets, "no particles over it") : null}
      {chosen ? <Slider label="Diameter" value={diameter} low={20} high={1000} step={10} change={setDiameter} shown={`${diameter} Å`} /> : null}
      {chosen ? <span className="dim num">{(chosen.places.length / 3).toLocaleString("en")} here</span> : null}
      {choice("Mask over it", mask, setMask, masks, "no mask over it")}
      {mask && !fits ? <span className="bad">The mask has another size.</span> : null}
      {found.error && set ? <span className="bad">{found.error.message}</span> : null}
    </>
  );
  return { overlay, tools };
}

interface Props { overlay: Overlay; axis: Axis; size: Position; index: number; thickness: number }

export function OverlayCanvas({ overlay, axis, size, index, thickness }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const query = new URLSearchParams({ axis, index: String(index), thickness: String(thickness) });
  const mask = useLoad(overlay.mask ? api(overlay.mask, `slice?${query}`) : null, (key) => packed(key));
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const density = Math.max(1, devicePixelRatio);
    element.width = Math.round(element.clientWidth * density);
    element.height = Math.round(element.clientHeight * density);
    const context = element.getContext("2d")!;
    if (overlay.mask && mask.value) {
      const { nx, ny, data, high } = mask.value;
      const picture = new ImageData(nx, ny);
      const tint = rgb(colour("c2"));
      for (let y = 0; y < ny; y += 1) {
        for (let x = 0; x < nx; x += 1) {
          const share = high > 0 ? data[(ny - 1 - y) * nx + x]! / 65535 : 0;
          picture.data.set([...tint, 110 * share], 4 * (y * nx + x));
        }
      }
      const aside = new OffscreenCanvas(nx, ny);
      aside.getContext("2d")!.putImageData(picture, 0, 0);
      context.drawImage(aside, 0, 0, element.width, element.height);
    }
    if (overlay.particles) circles(context, overlay.particles, axis, size, index, thickness, density);
  }, [overlay, mask.value, axis, index, thickness, theme, size[0], size[1], size[2]]);
  return <canvas className="overlay" ref={canvas} aria-hidden="true" />;
}

function circles(context: CanvasRenderingContext2D, particles: NonNullable<Overlay["particles"]>, axis: Axis, size: Position, index: number, thickness: number, density: number): void {
  const { across, up, along } = AXES[axis];
  const { places, axis: axes, radius, tint, selected } = particles;
  const scale = context.canvas.width / size[across];
  const paths = TINTS.map(() => new Path2D());
  let drawn = 0;
  for (let k = 0; k < places.length; k += 3) {
    const away = Math.max(0, Math.abs(places[k + along]! - index) - thickness / 2);
    if (away >= radius) continue;
    const [x, y] = [(places[k + across]! + 0.5) * scale, context.canvas.height - (places[k + up]! + 0.5) * scale];
    const r = Math.sqrt(radius * radius - away * away) * scale;
    const path = paths[tint?.[k / 3] ?? 0]!;
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
    if (axes) {
      path.moveTo(x, y);
      path.lineTo(x + 1.5 * radius * scale * axes[k + across]!, y - 1.5 * radius * scale * axes[k + up]!);
    }
    if (k / 3 === selected) frame(context, x, y, 1.25 * radius * scale, density);
    drawn += 1;
  }
  context.lineWidth = 1.4 * density;
  paths.forEach((path, k) => {
    context.strokeStyle = colour(TINTS[k]!);
    context.stroke(path);
  });
  context.canvas.dataset.particles = String(drawn);
}

/** A square around the one that is selected. */
function frame(context: CanvasRenderingContext2D, x: number, y: number, r: number, density: number): void {
  context.strokeStyle = colour("accent");
  context.lineWidth = 2 * density;
  context.strokeRect(x - r, y - r, 2 * r, 2 * r);
}

function rgb(text: string): [number, number, number] {
  const value = Number.parseInt(text.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
