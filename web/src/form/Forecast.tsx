// What a job would do and need.
import type { Checked } from "../api/types";
import { bytes, duration } from "../app/words";

export function Forecast({ checked, loading }: { checked: Checked | null; loading: boolean }) {
  if (!checked) return <p className="dim">{loading ? "Looking at the inputs …" : ""}</p>;
  const { units, rejected } = checked.preview;
  if (units.length === 0) return null;
  const fresh = units.filter((unit) => !unit.cached);
  const costs = fresh.flatMap((unit) => (unit.cost ? [unit.cost] : []));
  const memory = Math.max(0, ...costs.map((cost) => cost.memory));
  const disk = costs.reduce((sum, cost) => sum + cost.disk, 0);
  const seconds = costs.reduce((sum, cost) => sum + cost.cpu_seconds, 0);
  return (
    <section className={loading ? "forecast old" : "forecast"}>
      <h3>What it takes</h3>
      <dl className="pairs">
        <div><dt>Items</dt><dd className="num">{units.length}</dd></div>
        {units.length > fresh.length ? <div><dt>Done before</dt><dd className="num">{units.length - fresh.length}</dd></div> : null}
        {costs.length > 0 ? (
          <>
            <div><dt>Memory</dt><dd className="num">{bytes(memory)}</dd></div>
            <div><dt>Disk</dt><dd className="num">{bytes(disk)}</dd></div>
            <div><dt>Time of one core</dt><dd className="num">about {duration(seconds)}</dd></div>
          </>
        ) : null}
      </dl>
      {rejected.length > 0 ? <p className="bad">{rejected.length} items cannot take part: {rejected.slice(0, 3).map((one) => `${one.name} (${one.reason})`).join(", ")}</p> : null}
    </section>
  );
}
