// The drift of movies: the way of the specimen over the frames of each, all at one scale. Any table of curves with columns
// `x of …` and `y of …` in the same unit is seen like this.
import { useState } from "react";
import type { Curves } from "../api/types";
import { number } from "../app/words";
import { Plot } from "../parts/Plot";

export interface Track { name: string; unit: string; x: (number | null)[]; y: (number | null)[] }

/** The pairs of columns that are places. */
export function tracks(table: Curves): Track[] {
  const y = new Map(table.columns.filter((column) => column.label.startsWith("y of ")).map((column) => [column.label.slice(5), column]));
  return table.columns.flatMap((column) => {
    const name = column.label.startsWith("x of ") ? column.label.slice(5) : null;
    const other = name === null ? undefined : y.get(name);
    return name !== null && other && other.unit === column.unit ? [{ name, unit: column.unit, x: column.values, y: other.values }] : [];
  });
}

/** The places that are known, from the first frame on. */
const places = (track: Track) => track.x.flatMap((x, k) => (x !== null && track.y[k] !== null && track.y[k] !== undefined ? [[x, track.y[k]!] as const] : []));

function extent(track: Track): number {
  const all = places(track);
  const span = (axis: 0 | 1) => Math.max(...all.map((place) => place[axis])) - Math.min(...all.map((place) => place[axis]));
  return all.length > 0 ? Math.max(span(0), span(1)) : 0;
}

function Way({ track, width }: { track: Track; width: number }) {
  const all = places(track);
  if (all.length === 0) return <svg className="way" viewBox="0 0 100 100" />;
  const centre = [0, 1].map((axis) => (Math.max(...all.map((place) => place[axis as 0 | 1])) + Math.min(...all.map((place) => place[axis as 0 | 1]))) / 2);
  const at = ([x, y]: readonly [number, number]) => [50 + ((x - centre[0]!) / width) * 88, 50 - ((y - centre[1]!) / width) * 88] as const;
  const line = all.map((place) => at(place).map((value) => value.toFixed(2)).join(",")).join(" ");
  const [first, last] = [at(all[0]!), at(all[all.length - 1]!)];
  return (
    <svg className="way" viewBox="0 0 100 100" role="img" aria-label={`Drift of ${track.name}`}>
      <polyline points={line} />
      {all.map((place, k) => {
        const [x, y] = at(place);
        return <circle key={k} cx={x} cy={y} r="0.9" />;
      })}
      <circle className="first" cx={first[0]} cy={first[1]} r="2.6" />
      <circle className="last" cx={last[0]} cy={last[1]} r="2.6" />
    </svg>
  );
}

export function DriftViewer({ table, all }: { table: Curves; all: Track[] }) {
  const [chosen, setChosen] = useState(0);
  const width = Math.max(...all.map(extent), 1e-9);
  const track = all[Math.min(chosen, all.length - 1)]!;
  const frames = table.columns[0]!.values;
  const way = places(track).reduce((sum, place, k, list) => (k === 0 ? 0 : sum + Math.hypot(place[0] - list[k - 1]![0], place[1] - list[k - 1]![1])), 0);
  return (
    <div className="drift">
      <div className="ways">
        {all.map((one, k) => (
          <button key={one.name} aria-pressed={k === chosen} onClick={() => setChosen(k)}>
            <Way track={one} width={width} />
            <span className="small">{one.name}</span>
          </button>
        ))}
      </div>
      <p className="dim small">Each square is {number(Number((width / 0.88).toPrecision(3)))} {track.unit} wide; a ring where the movie begins, a dot where it ends.</p>
      <h2>{track.name.charAt(0).toUpperCase() + track.name.slice(1)} <span className="dim small num">a way of {number(Number(way.toPrecision(3)))} {track.unit}</span></h2>
      <Plot x={frames} xLabel={table.columns[0]!.label} yLabel={`place (${track.unit})`} series={[{ label: "x", values: track.x }, { label: "y", values: track.y }]} />
    </div>
  );
}
