// A job and its branch side by side: what was asked differently, what came out, what can be compared.
import { get } from "../api/client";
import type { Detail } from "../api/types";
import { useLoad } from "../app/load";
import { SHOWN, placeText } from "../app/objects";
import { address } from "../app/route";
import { useJob } from "../app/store";
import { number, operationName, words } from "../app/words";
import { Note } from "../parts/Note";
import { Progress, StateBadge } from "../parts/StateBadge";
import { shown } from "./JobFacts";

/** All leaves of a tree of parameters, by path. */
function leaves(tree: Detail["parameters"], path = ""): [string, string][] {
  if (tree !== null && typeof tree === "object" && !Array.isArray(tree)) return Object.entries(tree).flatMap(([name, value]) => leaves(value, path ? `${path} ${name}` : name));
  return [[path, shown(tree, null)]];
}

export function CompareJobsPage({ first, second }: { first: number; second: number }) {
  const jobs = [useJob(first), useJob(second)];
  const stamp = jobs.map((job) => `${job?.state}-${job?.items_done}`).join();
  const details = useLoad(`${first} ${second} ${stamp}`, (key) => Promise.all(key.split(" ").slice(0, 2).map((job) => get<Detail>(`/api/jobs/${job}`))));
  const [a, b] = details.value ?? [];
  if (!jobs[0] || !jobs[1]) return <section className="page"><Note tone="plain">There are no two such jobs.</Note></section>;
  const [x, y] = [new Map(a ? leaves(a.parameters) : []), new Map(b ? leaves(b.parameters) : [])];
  const differing = [...new Set([...x.keys(), ...y.keys()])].filter((path) => x.get(path) !== y.get(path));
  const metrics = (detail: Detail | undefined) => new Map(detail?.units.length === 1 ? Object.entries(detail.units[0]!.metrics) : []);
  const [m, n] = [metrics(a), metrics(b)];
  const names = [...new Set([...m.keys(), ...n.keys()])];
  const both = (a?.summary.outputs ?? []).filter((output) => output.items > 0 && SHOWN.includes(output.kind) && b?.summary.outputs.some((other) => other.slot === output.slot && other.items > 0));
  return (
    <section className="page wide">
      <h1>{operationName(jobs[0].operation)}, side by side</h1>
      <div className="scroll">
        <table className="numbers sidebyside">
          <thead>
            <tr><th />{jobs.map((job) => <th key={job!.job}><a href={address(["job", job!.job])}>Job {job!.job}</a></th>)}</tr>
          </thead>
          <tbody>
            <tr><td>State</td>{jobs.map((job) => <td key={job!.job}><StateBadge job={job!} /><Progress job={job!} /></td>)}</tr>
            {differing.map((path) => <tr key={path}><td>{words(path)}</td><td>{x.get(path)}</td><td>{y.get(path)}</td></tr>)}
            {names.map((name) => <tr key={name}><td>{name}</td><td>{m.has(name) ? number(m.get(name)!) : "–"}</td><td>{n.has(name) ? number(n.get(name)!) : "–"}</td></tr>)}
          </tbody>
        </table>
      </div>
      {differing.length === 0 && a && b ? <p className="dim">Their parameters are the same.</p> : null}
      {both.length > 0 ? <h2>Compare</h2> : null}
      <ul className="choices narrowlist">
        {both.map((output) => (
          <li key={output.slot}>
            <a href={address(["compare", placeText({ job: first, slot: output.slot, item: 0 }), placeText({ job: second, slot: output.slot, item: 0 })])}>{words(output.slot)}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
