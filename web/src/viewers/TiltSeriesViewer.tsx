// A tilt series: its views one by one or as a film, what is known of each, and which to leave out.
import { useEffect, useMemo, useRef, useState } from "react";
import { get, packed, type Packed } from "../api/client";
import type { TiltSeries } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { degrees, fixed, number } from "../app/words";
import { Note, Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import { ExcludeViews } from "./ExcludeViews";
import { Fiducials, residual, useBeads, type Bead } from "./Fiducials";
import { SeriesPlots } from "./SeriesPlots";
import { draw, extent } from "./draw";

export function TiltSeriesViewer({ place }: { place: ObjectPlace }) {
  const series = useLoad(api(place, "document"), (key) => get<TiltSeries>(key));
  if (series.error) return <Refusal error={series.error} />;
  return series.value ? <Views place={place} series={series.value} /> : <p className="dim">Reading the tilt series …</p>;
}

function Views({ place, series }: { place: ObjectPlace; series: TiltSeries }) {
  // From the lowest to the highest tilt, whatever the order of the file.
  const order = useMemo(
    () => series.images.map((_, k) => k).sort((a, b) => series.images[a]!.nominal_tilt_angle - series.images[b]!.nominal_tilt_angle),
    [series],
  );
  const [at, setAt] = useState(() => nearestToZero(series, order));
  const [playing, setPlaying] = useState(false);
  const [contrast, setContrast] = useState(1);
  const [marked, setMarked] = useState<number[]>([]);
  const [ringed, setRinged] = useState(true);
  const beads = useBeads(place, series);
  const view = order[at] ?? 0;
  const here = beads.filter((bead) => bead.view === view);
  const image = series.images[view];
  const hasImages = series.images.some((one) => one.image);
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => setAt((old) => (old + 1) % order.length), 160);
    return () => clearInterval(timer);
  }, [playing, order.length]);
  if (!image) return <Note tone="plain">The series has no views.</Note>;
  const turn = (by: number) => setAt((old) => Math.max(0, Math.min(order.length - 1, old + by)));
  const mark = () => setMarked((old) => (old.includes(view) ? old.filter((one) => one !== view) : [...old, view]));
  const keys = (event: React.KeyboardEvent) => {
    if (["ArrowRight", "ArrowUp"].includes(event.key)) turn(1);
    else if (["ArrowLeft", "ArrowDown"].includes(event.key)) turn(-1);
    else if (event.key === " ") setPlaying(!playing);
    else if (event.key === "x") mark();
    else return;
    event.preventDefault();
  };
  return (
    <div className="series">
      <div className="seriesview" tabIndex={0} onKeyDown={keys} onWheel={(event) => turn(event.deltaY > 0 ? 1 : -1)} aria-label="Views of the tilt series">
        {hasImages ? <View place={place} view={view} contrast={contrast} marked={marked.includes(view) || image.exclusion !== null}>{ringed && here.length > 0 ? <Fiducials beads={here} series={series} /> : null}</View> : (
          <Note tone="plain">There are no tilt images yet, only movies. Correct their motion first.</Note>
        )}
        <div className="tools">
          <button onClick={() => setPlaying(!playing)} aria-pressed={playing}>{playing ? "Pause" : "Play"}</button>
          <Slider label="Tilt" value={at} low={0} high={order.length - 1} change={setAt} shown={`${fixed(degrees(image.nominal_tilt_angle), 1)}°`} />
          <Slider label="Contrast" value={Math.log2(contrast)} low={-2} high={3} step={0.05} change={(value) => setContrast(2 ** value)} shown={`${contrast.toFixed(1)}×`} />
          <button onClick={mark} aria-pressed={marked.includes(view)}>{marked.includes(view) ? "Keep this view" : "Leave this view out"}</button>
          {beads.length > 0 ? <button onClick={() => setRinged(!ringed)} aria-pressed={ringed}>Beads</button> : null}
        </div>
        <Strip series={series} order={order} at={at} marked={marked} go={setAt} />
        <p className="dim small">Arrow keys or the wheel turn the specimen, space plays, x marks a view to be left out.</p>
      </div>
      <aside>
        <ViewFacts series={series} view={view} beads={here} />
        <ExcludeViews place={place} series={series} marked={marked} clear={() => setMarked([])} />
      </aside>
      <div className="whole"><SeriesPlots places={[place]} loaded={series} /></div>
    </div>
  );
}

function nearestToZero(series: TiltSeries, order: number[]): number {
  const tilts = order.map((view) => Math.abs(series.images[view]!.nominal_tilt_angle));
  return tilts.indexOf(Math.min(...tilts));
}

function View({ place, view, contrast, marked, children }: { place: ObjectPlace; view: number; contrast: number; marked: boolean; children: React.ReactNode }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const image = useLoad(api(place, `image?view=${view}&size=900`), (key) => packed(key));
  const range = useMemo(() => (image.value ? extent(image.value) : null), [image.value]);
  const last = useRef<Packed | null>(null);
  if (image.value) last.current = image.value;
  useEffect(() => {
    if (!canvas.current || !last.current || !range) return;
    const middle = (range.low + range.high) / 2;
    const half = (range.high - range.low) / 2 / contrast;
    draw(canvas.current, last.current, { low: middle - half, high: middle + half });
  }, [image.value, range, contrast]);
  return (
    <div className={marked ? "tiltimage out" : "tiltimage"}>
      <canvas ref={canvas} role="img" aria-label={`View ${view + 1}`} />
      {children}
      {image.error ? <Refusal error={image.error} /> : null}
    </div>
  );
}

/** One bar per view, as high as its exposure is late; left out ones are hollow. */
function Strip({ series, order, at, marked, go }: { series: TiltSeries; order: number[]; at: number; marked: number[]; go: (at: number) => void }) {
  return (
    <div className="strip">
      {order.map((view, k) => {
        const image = series.images[view]!;
        const out = image.exclusion !== null;
        const tilt = fixed(degrees(image.nominal_tilt_angle), 1);
        return (
          <button
            key={view}
            className={`${k === at ? "here" : ""} ${out ? "out" : ""} ${marked.includes(view) ? "marked" : ""}`}
            title={`View ${view + 1}, ${tilt}°${out ? `, left out: ${image.exclusion!.reason}` : ""}`}
            aria-label={`View at ${tilt}°`}
            onClick={() => go(k)}
          />
        );
      })}
    </div>
  );
}

function ViewFacts({ series, view, beads }: { series: TiltSeries; view: number; beads: Bead[] }) {
  const image = series.images[view]!;
  const { geometry, ctf } = image;
  const rows: [string, string][] = [
    ["View", `${view + 1} of ${series.images.length}`],
    ["Nominal tilt", `${fixed(degrees(image.nominal_tilt_angle), 2)}°`],
    ["Dose before", `${number(image.dose_before)} e⁻/Å²`],
  ];
  if (geometry) {
    rows.push(["Aligned tilt", `${fixed(degrees(geometry.tilt_angle), 2)}°`]);
    rows.push(["Tilt axis", `${degrees(geometry.tilt_axis_angle).toFixed(2)}°`]);
    rows.push(["Shift", `${geometry.shift.map((one) => fixed(one, 1)).join(", ")} Å`]);
  }
  if (ctf) {
    rows.push(["Defocus", `${((ctf.defocus_u + ctf.defocus_v) / 2e4).toFixed(3)} µm`]);
    rows.push(["Astigmatism", `${Math.abs(ctf.defocus_u - ctf.defocus_v).toFixed(0)} Å at ${degrees(ctf.defocus_angle).toFixed(0)}°`]);
  }
  if (beads.length > 0) {
    rows.push(["Beads", `${beads.length}`]);
    rows.push(["Residual, rms", `${fixed(residual(beads), 2)} Å, drawn 20 times as long`]);
  }
  rows.push(["Pixel", `${number(series.pixel_size)} Å`]);
  return (
    <section>
      <h3>This view</h3>
      <dl className="pairs">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="num">{value}</dd></div>)}</dl>
      {image.exclusion ? <Note tone="warning">Left out: {image.exclusion.reason}</Note> : null}
    </section>
  );
}
