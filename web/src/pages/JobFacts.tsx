// What a job was asked, and how to write it up.
import { get } from "../api/client";
import type { Detail, Json, OperationDetail, Parameter } from "../api/types";
import { useLoad } from "../app/load";
import { address } from "../app/route";
import { words } from "../app/words";

export function valueAt(tree: Json, path: string[]): Json {
  return path.reduce<Json>((place, name) => (place && typeof place === "object" && !Array.isArray(place) ? (place[name] ?? null) : null), tree);
}

export function shown(value: Json, unit: string | null): string {
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "none";
  const text = Array.isArray(value) ? value.map((one) => shown(one, null)).join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value);
  return unit ? `${text} ${unit}` : text;
}

export function Inputs({ detail }: { detail: Detail }) {
  const sources = Object.entries(detail.sources);
  if (sources.length === 0) return null;
  return (
    <section>
      <h3>From</h3>
      <dl className="pairs">
        {sources.map(([slot, source]) => (
          <div key={slot}>
            <dt>{words(slot)}</dt>
            <dd>
              {"job" in source ? (
                <a href={address(["job", source.job.job])}>job {source.job.job}, {words(source.job.slot).toLowerCase()}</a>
              ) : (
                <span className="path">{source.files.join(", ")}</span>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Parameters({ detail }: { detail: Detail }) {
  const known = useLoad(`/api/operations/${detail.summary.operation}`, (key) => get<OperationDetail>(key)).value;
  if (!known || known.parameters.length === 0) return null;
  const changed = (one: Parameter) => JSON.stringify(valueAt(detail.parameters, one.path)) !== JSON.stringify(one.default);
  const row = (one: Parameter) => (
    <div key={one.path.join(".")} className={changed(one) ? "changed" : ""} title={one.doc}>
      <dt>{words(one.path.join(" "))}</dt>
      <dd className="path">{shown(valueAt(detail.parameters, one.path), one.unit)}</dd>
    </div>
  );
  const own = known.parameters.filter(changed);
  const rest = known.parameters.filter((one) => !changed(one));
  return (
    <section>
      <h3>Parameters</h3>
      {own.length > 0 ? <dl className="pairs">{own.map(row)}</dl> : <p className="dim">All at their defaults.</p>}
      {own.length > 0 && rest.length > 0 ? <p className="dim small">The others are at their defaults.</p> : null}
      <details>
        <summary className="dim">All {known.parameters.length} parameters</summary>
        <dl className="pairs">{known.parameters.map(row)}</dl>
      </details>
    </section>
  );
}

export function Methods({ detail }: { detail: Detail }) {
  if (!detail.methods) return null;
  return (
    <section>
      <h3>For the paper</h3>
      <p className="methods">{detail.methods}</p>
      <ul className="citations">
        {detail.citations.map(([key, doi]) => (
          <li key={key}>{key}{doi ? <> · <span className="path">doi:{doi}</span></> : null}</li>
        ))}
      </ul>
    </section>
  );
}
