// One volume minus another, both brought to the mean and spread of the first; three planes.
import { useState } from "react";
import { get } from "../api/client";
import type { VolumeSummary } from "../api/types";
import { useLoad } from "../app/load";
import { api, placeText, type ObjectPlace } from "../app/objects";
import { number } from "../app/words";
import { Note, Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import { Plane, type Position } from "./Plane";

interface Props { first: ObjectPlace; second: ObjectPlace; position: Position | null; move: (position: Position) => void }

export function Difference({ first, second, position: outer, move }: Props) {
  const both = useLoad(`${placeText(first)} ${placeText(second)}`, () => Promise.all([first, second].map((place) => get<VolumeSummary>(api(place, "volume")))));
  const [thickness, setThickness] = useState(1);
  const [contrast, setContrast] = useState(1);
  const [scaled, setScaled] = useState(true);
  if (both.error) return <Refusal error={both.error} />;
  const [a, b] = both.value ?? [];
  if (!a || !b) return <p className="dim">Opening the volumes …</p>;
  if (a.shape.some((n, k) => n !== b.shape[k])) return <Note tone="plain">The volumes have different sizes: {a.shape.join(" × ")} and {b.shape.join(" × ")}. The job “Transform” can bring one onto the other.</Note>;
  const [nz, ny, nx] = a.shape;
  const size: Position = [nx, ny, nz];
  const position = (outer ?? [nx, ny, nz].map((n) => Math.floor(n / 2))).map((value, k) => Math.min(value, size[k]! - 1)) as Position;
  const scale = scaled && b.deviation > 0 ? a.deviation / b.deviation : 1;
  const offset = scaled ? a.mean - scale * b.mean : 0;
  const half = Math.max(3 * a.deviation, 1e-30) / contrast;
  const common = { place: first, minus: { place: second, scale, offset }, size, position, thickness, window: { low: -half, high: half }, part: "full", overlay: null, move };
  return (
    <div className="volume">
      <div className="tools">
        <Slider label="Slab" value={thickness} low={1} high={Math.min(100, nz)} change={setThickness} shown={`${thickness} ${thickness === 1 ? "voxel" : "voxels"}`} />
        <Slider label="Contrast" value={Math.log2(contrast)} low={-2} high={5} step={0.05} change={(value) => setContrast(2 ** value)} shown={`${contrast.toFixed(1)}×`} />
        <button aria-pressed={scaled} onClick={() => setScaled(!scaled)}>Same mean and spread</button>
        <span className="dim num">gray is no difference; black and white are ±{number(half)}</span>
      </div>
      <div className="stage">
        <div className="planes" style={{ "--nx": nx, "--ny": ny, "--nz": nz } as React.CSSProperties}>
          <Plane axis="z" {...common} />
          <Plane axis="x" {...common} />
          <Plane axis="y" {...common} />
        </div>
      </div>
    </div>
  );
}
