// Where a job runs: on this machine or a cluster, where the project knows of one.
import { useId } from "react";
import { get } from "../api/client";
import type { Executor, Placing } from "../api/types";
import { useLoad } from "../app/load";
import { Refusal } from "../parts/Note";

const KINDS: Record<string, string> = { local: "this machine", slurm: "Slurm" };

export function Where({ placing, change }: { placing: Placing; change: (placing: Placing) => void }) {
  const name = useId();
  const known = useLoad("/api/executors", (key) => get<Executor[]>(key));
  if (known.error) return <Refusal error={known.error} />;
  const executors = known.value ?? [];
  if (executors.length < 2) return null;
  const text = (one: Executor) => `${one.name} (${KINDS[one.kind] ?? one.kind}${one.partition ? `, ${one.partition}` : ""})`;
  return (
    <div className="field">
      <label htmlFor={name}>Where it runs</label>
      <div className="control">
        <select id={name} value={placing.executor ?? ""} onChange={(event) => change({ ...placing, executor: event.target.value || undefined })}>
          <option value="">{text(executors[0]!)}</option>
          {executors.slice(1).map((one) => <option key={one.name} value={one.name}>{text(one)}</option>)}
        </select>
        <p className="help">The executors of the project stand in its file executors.toml.</p>
      </div>
    </div>
  );
}
