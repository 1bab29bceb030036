// A set of particles: in space, from where they are seen, by class, and row by row. Large sets are thinned out for the
// picture and read page by page for the table.
import { useMemo, useState } from "react";
import { get, points, type Points } from "../api/client";
import type { ParticlesSummary } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { useTheme } from "../app/theme";
import { Note, Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import { StartCuration, useTomogramsOf } from "../curation/StartCuration";
import { AngularDistribution } from "./AngularDistribution";
import { Classes } from "./Classes";
import { ParticleSpace } from "./ParticleSpace";
import { ParticleTable } from "./ParticleTable";
import { colouring, type Colouring } from "./particleColours";

/** Points in space at most, and for the directions. */
const MOST = 100_000;
const DIRECTIONS = 200_000;

export default function ParticlesViewer({ place }: { place: ObjectPlace }) {
  const summary = useLoad(api(place, "particles"), (key) => get<ParticlesSummary>(key));
  if (summary.error) return <Refusal error={summary.error} />;
  return summary.value ? <Shown place={place} summary={summary.value} /> : <p className="dim">Reading the particles …</p>;
}

function Shown({ place, summary }: { place: ObjectPlace; summary: ParticlesSummary }) {
  const [series, setSeries] = useState(() => Math.max(0, summary.tilt_series.findIndex(([, count]) => count > 0)));
  const [size, setSize] = useState(120);
  const [by, setBy] = useState<string>(summary.classes.length > 0 ? "class" : summary.halves ? "half" : "none");
  const column = by.startsWith("column:") ? by.slice(7) : null;
  const query = new URLSearchParams({ most: String(MOST), ...(series >= 0 ? { series: String(series) } : {}), ...(column ? { by: column } : {}) });
  const cloud = useLoad(api(place, `particles/points?${query}`), (key) => points(key));
  const tomograms = useTomogramsOf(place);
  if (summary.total === 0) return <Note tone="plain">The set is empty.</Note>;
  const here = summary.tilt_series[series]?.[1] ?? summary.total;
  return (
    <div className="particles">
      <div className="tools">
        {summary.tilt_series.length > 1 ? (
          <select aria-label="Tilt series" value={series} onChange={(event) => setSeries(Number(event.target.value))}>
            {summary.tilt_series.map(([name, count], k) => <option key={name} value={k}>{name} ({count})</option>)}
          </select>
        ) : null}
        <select aria-label="Colour by" value={by} onChange={(event) => setBy(event.target.value)}>
          {summary.classes.length > 0 ? <option value="class">colour by class</option> : null}
          {summary.halves ? <option value="half">colour by half</option> : null}
          {summary.oriented ? <option value="direction">colour by direction</option> : null}
          {summary.columns.map((label) => <option key={label} value={`column:${label}`}>colour by {label}</option>)}
          <option value="none">one colour</option>
        </select>
        <Slider label="Size" value={size} low={20} high={500} step={10} change={setSize} shown={`${size} Å`} />
        <StartCuration label="Accept and reject …" tomograms={tomograms} particles={{ job: place.job, slot: place.slot }} />
        <span className="dim num">
          {here.toLocaleString("en")} here, {summary.total.toLocaleString("en")} in all
          {cloud.value && cloud.value.count < cloud.value.total ? `; ${cloud.value.count.toLocaleString("en")} are drawn` : ""}
        </span>
      </div>
      {cloud.error ? <Refusal error={cloud.error} /> : null}
      {cloud.value ? <Cloud points={cloud.value} by={by as Colouring} oriented={summary.oriented} size={size} /> : <div className="spacebox" />}
      {summary.oriented ? <Directions place={place} total={summary.total} /> : <Note tone="plain">The particles have no orientations yet.</Note>}
      <Classes place={place} classes={summary.classes} total={summary.total} />
      <h2>Particles</h2>
      <ParticleTable key={series} place={place} series={series} count={here} summary={summary} />
    </div>
  );
}

function Cloud({ points, by, oriented, size }: { points: Points; by: Colouring; oriented: boolean; size: number }) {
  const theme = useTheme();
  const colours = useMemo(() => colouring(points, by), [points, by, theme]);
  return (
    <>
      <ParticleSpace points={points} colours={colours} oriented={oriented} size={size} />
      {colours.low !== undefined ? (
        <p className="legend small"><span className="num">{colours.low}</span><i className="ramp" /><span className="num">{colours.high}</span></p>
      ) : null}
    </>
  );
}

function Directions({ place, total }: { place: ObjectPlace; total: number }) {
  const all = useLoad(api(place, `particles/points?most=${DIRECTIONS}`), (key) => points(key));
  if (!all.value) return null;
  return <AngularDistribution axis={all.value.axis} thinned={total > all.value.count} />;
}
