// All jobs as a table, to sort and search.
import { memo, useMemo, useState } from "react";
import type { Job } from "../api/types";
import { address, go } from "../app/route";
import { useProject } from "../app/store";
import { duration, operationName, room, time } from "../app/words";
import { useRows } from "../parts/window";
import { Items, Progress, StateBadge } from "../parts/StateBadge";
import { Empty } from "./Empty";

type Column = "job" | "operation" | "state" | "items" | "created" | "seconds";
const NAMES: [Column, string][] = [
  ["job", "Job"], ["operation", "What"], ["state", "State"], ["items", "Items"], ["created", "Asked"], ["seconds", "Took"],
];
/** Height of a row in pixels, as in the style. */
const HEIGHT = 57;

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
  const rows = useMemo(() => {
    const text = search.toLowerCase();
    const found = jobs.filter((job) => `${job.job} ${job.operation} ${job.title} ${job.state}`.toLowerCase().includes(text));
    const [column, sign] = sort;
    return found.sort((a, b) => {
      const [x, y] = [key(a, column), key(b, column)];
      return sign * (x < y ? -1 : x > y ? 1 : a.job - b.job);
    });
  }, [jobs, search, sort]);
  const { box, first, last, above, below } = useRows(rows.length, HEIGHT);
  if (jobs.length === 0) return <Empty />;
  const turn = (column: Column) => setSort(([old, sign]) => [column, old === column ? (sign === 1 ? -1 : 1) : 1]);
  return (
    <section className="page wide tall">
      <div className="row spread">
        <h1>Jobs <span className="dim small num">{rows.length === jobs.length ? jobs.length : `${rows.length} of ${jobs.length}`}</span></h1>
        <input type="search" placeholder="Search" aria-label="Search jobs" value={search} onChange={(event) => setSearch(event.target.value)} />
      </div>
      <div className="scroll rows" ref={box} tabIndex={0} aria-label="Jobs">
        <table className="jobs" aria-rowcount={rows.length}>
          <thead>
            <tr>
              {NAMES.map(([column, name]) => (
                <th key={column} className={`column-${column}`} aria-sort={sort[0] === column ? (sort[1] === 1 ? "ascending" : "descending") : undefined}>
                  <button className="quiet" onClick={() => turn(column)}>
                    {name} {sort[0] === column ? (sort[1] === 1 ? "↑" : "↓") : ""}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {above > 0 ? <tr className="gap" aria-hidden="true"><td colSpan={6} style={{ height: above }} /></tr> : null}
            {rows.slice(first, last).map((job, k) => <Row key={job.job} job={job} index={first + k} />)}
            {below > 0 ? <tr className="gap" aria-hidden="true"><td colSpan={6} style={{ height: below }} /></tr> : null}
          </tbody>
        </table>
      </div>
      {rows.length === 0 ? <p className="dim">No job matches “{search}”.</p> : null}
    </section>
  );
}

const Row = memo(function Row({ job, index }: { job: Job; index: number }) {
  return (
    <tr onClick={() => go(["job", job.job])} aria-rowindex={index + 1}>
      <td className="num"><a href={address(["job", job.job])}>{job.job}</a></td>
      <td>
        <div className="one"><strong>{operationName(job.operation)}</strong> <span className="dim">{room(job.operation)}</span></div>
        <div className="dim one">{job.title}</div>
      </td>
      <td><StateBadge job={job} /><Progress job={job} /></td>
      <td className="num"><Items job={job} /></td>
      <td className="num">{time(job.created)}</td>
      <td className="num">{job.seconds === null ? "" : duration(job.seconds)}</td>
    </tr>
  );
});
