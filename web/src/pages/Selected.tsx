// The job that is selected in the graph: what it gave, and what can follow.
import type { Job } from "../api/types";
import { SHOWN, counted } from "../app/objects";
import { address } from "../app/route";
import { duration, operationName, time, words } from "../app/words";
import { NextJobs } from "../parts/NextJobs";
import { Progress, StateBadge } from "../parts/StateBadge";

export function Selected({ job, close }: { job: Job; close: () => void }) {
  return (
    <aside className="chosen" aria-label={`Job ${job.job}`}>
      <header>
        <div>
          <span className="dim">Job {job.job}</span>
          <h2>{operationName(job.operation)}</h2>
        </div>
        <button className="quiet" onClick={close} aria-label="Close">×</button>
      </header>
      <p className="dim">{job.title}</p>
      <p className="row">
        <StateBadge job={job} />
        <span className="dim">{job.seconds !== null ? duration(job.seconds) : time(job.started ?? job.created)}</span>
      </p>
      <Progress job={job} />
      {["failed", "interrupted", "damaged", "blocked"].includes(job.state) ? <p className="reason">{job.evidence}</p> : null}
      <a className="button" href={address(["job", job.job])}>Open</a>
      {job.outputs.some((output) => output.items > 0) ? <h3>Results</h3> : null}
      <ul className="results">
        {job.outputs.filter((output) => output.items > 0).map((output) => (
          <li key={output.slot}>
            <div>
              {SHOWN.includes(output.kind) ? (
                <a href={address(["view", job.job, output.slot, 0])}>{words(output.slot)}</a>
              ) : (
                <span>{words(output.slot)}</span>
              )}
              <span className="dim">{counted(output.items, output.kind)}</span>
            </div>
            <NextJobs job={job.job} slot={output.slot} kind={output.kind} />
          </li>
        ))}
      </ul>
    </aside>
  );
}
