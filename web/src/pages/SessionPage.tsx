// A session at a glance: the tilt series as they come, with quality, pictures, and what is wrong.
import { useEffect, useMemo, useState } from "react";
import { get } from "../api/client";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { address } from "../app/route";
import { useProject } from "../app/store";
import { number, operationName, time } from "../app/words";
import { Note, Refusal } from "../parts/Note";
import { Picture } from "../parts/Picture";
import { Plot } from "../parts/Plot";

interface Step { job: number; operation: string; metrics: Record<string, number> | null; warnings: string[]; problem: string | null }
interface Series { name: string; since: string; steps: Step[]; result: ObjectPlace | null; picture: ObjectPlace | null }
interface Session { series: Series[]; more: boolean }

/** Columns of the table at most: the numbers that most series have. */
const COLUMNS = 8;
/** Deviations, as the middle one of all, beyond which a number is unusual. */
const UNUSUAL = 5;

interface Quality { key: string; operation: string; name: string; values: (number | null)[]; low: number; high: number }

const middle = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** The last value of each number for each series, and between which bounds it is usual. */
function qualities(series: Series[]): Quality[] {
  const found = new Map<string, Quality>();
  series.forEach((one, k) => one.steps.forEach((step) => Object.entries(step.metrics ?? {}).forEach(([name, value]) => {
    if (!Number.isFinite(value)) return;
    // Some jobs put the name of the series before.
    const plain = name.startsWith(`${one.name}: `) ? name.slice(one.name.length + 2) : name;
    const key = `${step.operation} ${plain}`;
    const quality = found.get(key) ?? { key, operation: step.operation, name: plain, values: series.map(() => null), low: 0, high: 0 };
    quality.values[k] = value;
    found.set(key, quality);
  })));
  const count = (quality: Quality) => quality.values.filter((value) => value !== null).length;
  // What is the same for all says nothing about one.
  const varies = (quality: Quality) => new Set(quality.values.filter((value) => value !== null)).size > 1;
  const all = [...found.values()].sort((a, b) => Number(varies(b)) - Number(varies(a)) || count(b) - count(a)).slice(0, COLUMNS);
  for (const quality of all) {
    const values = quality.values.filter((value): value is number => value !== null);
    const centre = middle(values);
    const spread = Math.max(middle(values.map((value) => Math.abs(value - centre))), 0.02 * Math.abs(centre), 1e-12);
    [quality.low, quality.high] = values.length < 5 ? [-Infinity, Infinity] : [centre - UNUSUAL * spread, centre + UNUSUAL * spread];
  }
  return all;
}

const isUnusual = (quality: Quality, k: number) => {
  const value = quality.values[k];
  return value !== null && value !== undefined && (value < quality.low || value > quality.high);
};

export function SessionPage() {
  const { jobs } = useProject();
  const stamp = useMemo(() => jobs.map((job) => `${job.job}${job.state}${job.items_done}`).join(), [jobs]);
  // Not more often than every two seconds, however fast the jobs change.
  const [settled, setSettled] = useState(stamp);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(stamp), 2000);
    return () => clearTimeout(timer);
  }, [stamp]);
  const known = useLoad(settled ? `session ${settled}` : null, () => get<Session>("/api/session"));
  const [plotted, setPlotted] = useState<string | null>(null);
  const [only, setOnly] = useState(false);
  const series = known.value?.series ?? [];
  const quality = useMemo(() => qualities(series), [known.value]);
  if (known.error) return <section className="page"><Refusal error={known.error} /></section>;
  if (jobs.length > 0 && !known.value) return <p className="dim pad">Gathering …</p>;
  if (series.length === 0) return <section className="page"><h1>Session</h1><Note tone="plain">There are no tilt series yet. They appear here as they are imported and processed.</Note></section>;
  const alarm = (k: number) => series[k]!.steps.some((step) => step.problem || step.warnings.length > 0) || quality.some((one) => isUnusual(one, k));
  const alarms = series.map((_, k) => alarm(k));
  const chosen = quality.find((one) => one.key === plotted) ?? quality[0];
  // The plot goes with time, the table has the newest on top.
  const order = series.map((_, k) => series.length - 1 - k);
  return (
    <section className="page wide">
      <div className="row spread session">
        <h1>Session</h1>
        <div className="row">
          <span className="num">{series.length} tilt series</span>
          <button aria-pressed={only} onClick={() => setOnly(!only)}>{alarms.filter(Boolean).length} with alarms</button>
        </div>
      </div>
      {known.value?.more ? <p className="dim">Of the newest 500 jobs.</p> : null}
      {chosen && series.length > 1 ? (
        <>
          <select aria-label="Number to plot" value={chosen.key} onChange={(event) => setPlotted(event.target.value)}>
            {quality.map((one) => <option key={one.key} value={one.key}>{operationName(one.operation)}: {one.name}</option>)}
          </select>
          <Plot x={order.map((_, at) => at + 1)} xLabel="tilt series, in the order they came" yLabel={chosen.name} series={[{ label: chosen.name, values: order.map((k) => chosen.values[k] ?? null), points: true }]} marks={[chosen.low, chosen.high].filter(Number.isFinite)} height={200} counts />
        </>
      ) : null}
      <div className="sessiongrid">
        {series.map((one, k) => (only && !alarms[k] ? null : <SeriesCard key={one.name} series={one} k={k} quality={quality} />))}
      </div>
    </section>
  );
}

function SeriesCard({ series, k, quality }: { series: Series; k: number; quality: Quality[] }) {
  const problems = series.steps.flatMap((step) => [...(step.problem ? [step.problem] : []), ...step.warnings].map((text) => ({ step, text })));
  const lost = series.steps.some((step) => step.problem);
  const unusual = quality.some((one) => isUnusual(one, k));
  const last = series.steps[series.steps.length - 1];
  return (
    <article className={`seriescard ${lost ? "lost" : problems.length > 0 || unusual ? "odd" : ""}`}>
      {series.picture ? <Picture path={api(series.picture, "picture")} name={series.name} /> : <div className="picture none" />}
      <header>
        <strong className="one">{series.result ? <a href={address(["view", series.result.job, series.result.slot, series.result.item])}>{series.name}</a> : series.name}</strong>
        <span className="dim small num">{time(series.since)}</span>
      </header>
      <dl className="pairs small">
        {quality.filter((one) => one.values[k] !== null).map((one) => (
          <div key={one.key} className={isUnusual(one, k) ? "unusual" : ""}>
            <dt className="one" title={`${operationName(one.operation)}: ${one.name}`}>{one.name}</dt>
            <dd className="num">{number(one.values[k]!)}</dd>
          </div>
        ))}
      </dl>
      {problems.slice(0, 3).map(({ step, text }, row) => <p key={row} className="alarm small"><a href={address(["job", step.job])}>{operationName(step.operation)}</a>: {text}</p>)}
      {problems.length > 3 ? <p className="dim small">… and {problems.length - 3} more</p> : null}
      {last ? <p className="dim small">{series.steps.length} {series.steps.length === 1 ? "step" : "steps"}, last <a href={address(["job", last.job])}>{operationName(last.operation).toLowerCase()}</a></p> : null}
    </article>
  );
}
