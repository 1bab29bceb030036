// A tomogram or map: three planes through a point, slab thickness, contrast, what is laid over; a surface for maps.
import { Suspense, lazy, useState } from "react";
import { get } from "../api/client";
import type { VolumeSummary } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { number } from "../app/words";
import { Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import { StartCuration } from "../curation/StartCuration";
import { useOverlay, type Marks } from "./Overlay";
import { Plane, type Position } from "./Plane";

const Surface = lazy(() => import("./Surface"));

interface Props {
  place: ObjectPlace;
  kind: string;
  position?: Position | null;
  move?: (position: Position) => void;
  narrow?: boolean;
  /** Particles over a tomogram, instead of those that can be chosen. */
  marks?: Marks;
  /** Something stands beside it. */
  beside?: boolean;
}

export function VolumeViewer(props: Props) {
  const [part, setPart] = useState("full");
  const summary = useLoad(api(props.place, `volume?part=${part}`), (key) => get<VolumeSummary>(key));
  if (summary.error) return <Refusal error={summary.error} />;
  return summary.value ? <Planes {...props} summary={summary.value} part={part} setPart={setPart} /> : <p className="dim">Opening the volume …</p>;
}

function Planes({ place, kind, position: outer, move: tell, narrow, marks, beside, summary, part, setPart }: Props & { summary: VolumeSummary; part: string; setPart: (part: string) => void }) {
  const [nz, ny, nx] = summary.shape;
  const size: Position = [nx, ny, nz];
  const [own, setOwn] = useState<Position>([Math.floor(nx / 2), Math.floor(ny / 2), Math.floor(nz / 2)]);
  const [thickness, setThickness] = useState(kind === "tomogram" ? Math.min(5, nz) : 1);
  const [contrast, setContrast] = useState(1);
  const [brightness, setBrightness] = useState(0);
  const [surface, setSurface] = useState(kind === "map" && !narrow);
  const { overlay, tools } = useOverlay(place, kind, summary, marks ?? null);
  const position = (outer ?? own).map((value, k) => Math.min(value, size[k]! - 1)) as Position;
  const move = tell ?? setOwn;
  const [low, high] = summary.range;
  const half = Math.max(high - low, 1e-30) / 2 / contrast;
  // A slab averages the noise away: its values spread less.
  const spread = kind === "tomogram" ? 1 / Math.sqrt(Math.min(thickness, 9)) : 1;
  const middle = (low + high) / 2 - brightness * half;
  const window = { low: middle - half * spread, high: middle + half * spread };
  const common = { place, size, position, thickness, window, part, overlay, move };
  return (
    <div className={narrow ? "volume narrow" : beside ? "volume beside" : "volume"}>
      <div className="tools">
        <Slider label="Slab" value={thickness} low={1} high={Math.min(100, nz)} change={setThickness} shown={`${thickness} ${thickness === 1 ? "voxel" : "voxels"}`} />
        <Slider label="Contrast" value={Math.log2(contrast)} low={-2} high={4} step={0.05} change={(value) => setContrast(2 ** value)} shown={`${contrast.toFixed(1)}×`} />
        <Slider label="Brightness" value={brightness} low={-2} high={2} step={0.02} change={setBrightness} shown={brightness.toFixed(2)} />
        <button onClick={() => { setContrast(1); setBrightness(0); }}>Reset</button>
        {summary.halves ? (
          <select aria-label="Part" value={part} onChange={(event) => setPart(event.target.value)}>
            <option value="full">whole</option>
            <option value="half-1">half 1</option>
            <option value="half-2">half 2</option>
          </select>
        ) : null}
        {tools}
        {kind === "tomogram" && !marks && !narrow ? <StartCuration label="Pick by hand …" tomograms={{ job: place.job, slot: place.slot }} particles={null} item={place.item} /> : null}
        {kind !== "tomogram" && !narrow ? <button aria-pressed={surface} onClick={() => setSurface(!surface)}>Surface</button> : null}
        <span className="dim num">
          {nx} × {ny} × {nz}{summary.voxel_size ? ` · ${number(summary.voxel_size)} Å` : ""}
        </span>
      </div>
      <div className={surface ? "stage withsurface" : "stage"}>
        <div className="planes" style={{ "--nx": nx, "--ny": ny, "--nz": nz } as React.CSSProperties}>
          <Plane axis="z" {...common} />
          <Plane axis="x" {...common} />
          <Plane axis="y" {...common} />
        </div>
        {surface ? <Suspense fallback={<p className="dim">One moment …</p>}><Surface place={place} summary={summary} /></Suspense> : null}
      </div>
      <p className="dim small">Drag to move the cross, scroll or use the arrow keys to step through the slices.</p>
    </div>
  );
}
