// All jobs as a table, to sort and search.
import { useMemo, useState } from "react";
import type { Job } from "../api/types";
import { address, go } from "../app/route";
import { useProject } from "../app/store";
import { duration, operationName, room, time } from "../app/words";
import { Items, Progress, StateBadge } from "../parts/StateBadge";
import { Empty } from "./Empty";

type Column = "job" | "operation" | "state" | "items" | "created" | "seconds";
const NAMES: [Column, string][] = [
  ["job", "Job"], ["operation", "What"], ["state", "State"], ["items", "Items"], ["created", "Asked"], ["seconds", "Took"],
];
/** Rows drawn at once; the rest come when asked for. */
const PAGE = 200;

function key(job: Job, column: Column): number | string {
  switch (column) {
    case "items": return job.items_done;
    case "seconds": return job.seconds ?? -1;
    default: return job[column];
  }
}

export function TablePage() {
  const { jobs } = useProject();
  const [sort, setSort] = useState<[Column, 1 | -1]>(["job", -1]);
  const [search, setSearch] = useState("");
  const [shown, setShown] = useState(PAGE);
  const rows = useMemo(() => {
    const text = search.toLowerCase();
    const found = jobs.filter((job) => `${job.job} ${job.operation} ${job.title} ${job.state}`.toLowerCase().includes(text));
    const [column, sign] = sort;
    return found.sort((a, b) => {
      const [x, y] = [key(a, column), key(b, column)];
      return sign * (x < y ? -1 : x > y ? 1 : a.job - b.job);
    });
  }, [jobs, search, sort]);
  if (jobs.length === 0) return <Empty />;
  const turn = (column: Column) => setSort(([old, sign]) => [column, old === column ? (sign === 1 ? -1 : 1) : 1]);
  return (
    <section className="page wide">
      <div className="row spread">
        <h1>Jobs</h1>
        <input type="search" placeholder="Search" aria-label="Search jobs" value={search} onChange={(event) => setSearch(event.target.value)} />
      </div>
      <div className="scroll">
        <table className="jobs">
          <thead>
            <tr>
              {NAMES.map(([column, name]) => (
                <th key={column} aria-sort={sort[0] === column ? (sort[1] === 1 ? "ascending" : "descending") : undefined}>
                  <button className="quiet" onClick={() => turn(column)}>
                    {name} {sort[0] === column ? (sort[1] === 1 ? "↑" : "↓") : ""}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((job) => (
              <tr key={job.job} onClick={() => go(["job", job.job])}>
                <td className="num"><a href={address(["job", job.job])}>{job.job}</a></td>
                <td>
                  <strong>{operationName(job.operation)}</strong> <span className="dim">{room(job.operation)}</span>
                  <div className="dim one">{job.title}</div>
                </td>
                <td><StateBadge job={job} /><Progress job={job} /></td>
                <td className="num"><Items job={job} /></td>
                <td className="num">{time(job.created)}</td>
                <td className="num">{job.seconds === null ? "" : duration(job.seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shown ? <button onClick={() => setShown(shown + PAGE)}>Show more ({rows.length - shown})</button> : null}
      {rows.length === 0 ? <p className="dim">No job matches “{search}”.</p> : null}
    </section>
  );
}
