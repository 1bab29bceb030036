// What a job says of itself while it runs: a curve for each number, growing with every step.
import { useMemo } from "react";
import { get } from "../api/client";
import type { Job } from "../api/types";
import { useLoad } from "../app/load";
import { Plot, type Series } from "../parts/Plot";

interface Readings { item: string; steps: number[]; values: [string, (number | null)[]][] }
interface Curve { name: string; x: number[]; series: Series[] }

/** A curve for each number, with a line for each item. */
function curves(all: Readings[]): Curve[] {
  const names = [...new Set(all.flatMap((one) => one.values.map(([name]) => name)))];
  const x = [...new Set(all.flatMap((one) => one.steps))].sort((a, b) => a - b);
  return names.map((name) => ({
    name,
    x,
    series: all.map((one) => {
      const column = one.values.find(([other]) => other === name)?.[1] ?? [];
      const known = new Map(one.steps.map((step, k) => [step, column[k] ?? null]));
      return { label: all.length > 1 ? one.item : name, values: x.map((step) => known.get(step) ?? null), points: x.length === 1 };
    }),
  }));
}

/** Numbers that stay what they are say nothing. */
const moves = ({ x, series }: Curve) => x.length < 3 || series.some((one) => new Set(one.values.filter((value) => value !== null)).size > 1);

export function LiveCurves({ job }: { job: Job }) {
  const stamp = `${job.state}-${job.progress ?? ""}-${job.items_done}`;
  const told = useLoad(job.state === "done" || job.state === "draft" ? null : `/api/jobs/${job.job}/readings?${new URLSearchParams({ stamp })}`, (key) => get<Readings[]>(key));
  const shown = useMemo(() => curves((told.value ?? []).filter((one) => one.steps.length > 0)).filter(moves), [told.value]);
  if (job.state === "done" || shown.length === 0) return null;
  const steps = shown[0]!.x.length;
  return (
    <section className="live" data-steps={steps}>
      <h2>So far <span className="dim small num">{steps} {steps === 1 ? "step" : "steps"}</span></h2>
      <div className="plots">
        {shown.map((curve) => (
          <figure key={curve.name}>
            <figcaption className="small">{curve.name.charAt(0).toUpperCase() + curve.name.slice(1)}</figcaption>
            <Plot x={curve.x} xLabel="step" yLabel={curve.name} series={curve.series} height={150} counts bare={curve.series.length === 1} />
          </figure>
        ))}
      </div>
    </section>
  );
}
