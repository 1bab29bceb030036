// What came out of a job.
import { useState } from "react";
import type { Detail } from "../api/types";
import { SHOWN, api, counted } from "../app/objects";
import { address } from "../app/route";
import { bytes, number, words } from "../app/words";
import { NextJobs } from "../parts/NextJobs";
import { Picture } from "../parts/Picture";

export function Results({ detail }: { detail: Detail }) {
  const { summary } = detail;
  const made = summary.outputs.filter((output) => output.items > 0);
  if (made.length === 0) return null;
  return (
    <section>
      <h2>Results <span className="dim small">{bytes(detail.bytes)}</span></h2>
      <ul className="results">
        {made.map((output) => (
          <li key={output.slot}>
            <div>
              {SHOWN.includes(output.kind) ? (
                <a href={address(["view", summary.job, output.slot, 0])}>{words(output.slot)}</a>
              ) : (
                <span>{words(output.slot)}</span>
              )}
              <span className="dim">{counted(output.items, output.kind)}</span>
            </div>
            <NextJobs job={summary.job} slot={output.slot} kind={output.kind} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Pictures shown before more are asked for. */
const FIRST = 8;

export function Pictures({ detail }: { detail: Detail }) {
  const [all, setAll] = useState(false);
  const slots = detail.summary.outputs.filter((output) => output.kind === "picture" && output.items > 0);
  const pictures = slots.flatMap((output) =>
    (detail.outputs[output.slot] ?? []).map((item, k) => ({ item, place: { job: detail.summary.job, slot: output.slot, item: k } })),
  );
  if (pictures.length === 0) return null;
  const shown = all ? pictures : pictures.slice(0, FIRST);
  return (
    <section>
      <h2>Pictures</h2>
      <div className="gallery">
        {shown.map(({ item, place }) => (
          <a key={`${place.slot}${item.name}`} href={address(["view", place.job, place.slot, place.item])}>
            <Picture path={api(place, "picture")} name={item.name} />
            <span>{item.name.replace(/_/g, " ")}</span>
          </a>
        ))}
      </div>
      {pictures.length > shown.length ? <button onClick={() => setAll(true)}>All {pictures.length} pictures</button> : null}
    </section>
  );
}

export function Metrics({ detail }: { detail: Detail }) {
  const units = detail.units.filter((unit) => Object.keys(unit.metrics).length > 0);
  if (units.length === 0) return null;
  const names = [...new Set(units.flatMap((unit) => Object.keys(unit.metrics)))];
  const single = units.length === 1;
  return (
    <section>
      <h2>Numbers</h2>
      <div className="scroll">
        {single ? (
          <table className="numbers">
            <tbody>
              {names.map((name) => (
                <tr key={name}><td>{name}</td><td className="num">{number(units[0]!.metrics[name]!)}</td></tr>
              ))}
            </tbody>
          </table>
        ) : (
          <table className="numbers">
            <thead>
              <tr><th>Item</th>{names.map((name) => <th key={name} className="num">{name}</th>)}</tr>
            </thead>
            <tbody>
              {units.map((unit) => (
                <tr key={unit.item}>
                  <td>{unit.item}</td>
                  {names.map((name) => <td key={name} className="num">{unit.metrics[name] === undefined ? "" : number(unit.metrics[name]!)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </section>
  );
}

export function Rejected({ detail }: { detail: Detail }) {
  const inside = detail.units.flatMap((unit) => unit.rejected.map(([name, why]) => [`${unit.item}: ${name}`, why] as const));
  const lost = [...detail.rejected, ...inside];
  const warnings = detail.units.flatMap((unit) => unit.warnings.map((text) => [unit.item, text] as const));
  return (
    <>
      {lost.length > 0 ? <Listed title="Did not come out" rows={lost} /> : null}
      {warnings.length > 0 ? <Listed title="Worth reading" rows={warnings} /> : null}
    </>
  );
}

function Listed({ title, rows }: { title: string; rows: (readonly [string, string])[] }) {
  return (
    <section>
      <h2>{title} <span className="dim small">{rows.length}</span></h2>
      <ul className="listed">
        {rows.slice(0, 100).map(([name, text], k) => (
          <li key={k}><strong>{name}</strong> {text}</li>
        ))}
      </ul>
      {rows.length > 100 ? <p className="dim">… and {rows.length - 100} more; `thon show --json` lists all.</p> : null}
    </section>
  );
}
