// One job: how it goes, what came out, how to write it up.
import { useState } from "react";
import { Refused, get, post } from "../api/client";
import type { Detail, DoneAnswer, Job, State } from "../api/types";
import { useLoad } from "../app/load";
import { address, go } from "../app/route";
import { useJob, useProject } from "../app/store";
import { duration, operationName, room, time } from "../app/words";
import { Command } from "../parts/Command";
import { Note, Refusal } from "../parts/Note";
import { Items, Progress, StateBadge } from "../parts/StateBadge";
import { Inputs, Methods, Parameters } from "./JobFacts";
import { LiveCurves } from "./LiveCurves";
import { LogView } from "./LogView";
import { Metrics, Pictures, Rejected, Results } from "./JobResults";

/** States that a stop can end. */
const MOVING: State[] = ["queued", "waiting", "ready", "submitted", "running", "unknown"];

function Actions({ job, tell }: { job: Job; tell: (done: DoneAnswer | Refused) => void }) {
  const { project } = useProject();
  if (project?.role === "viewer") return null;
  const ask = (what: string, body: unknown) =>
    post<DoneAnswer>(`/api/jobs/${job.job}/${what}`, body).then(tell, (error: unknown) => tell(error as Refused));
  const again = ["failed", "cancelled", "interrupted", "blocked"].includes(job.state);
  return (
    <div className="row">
      {job.state === "draft" ? <button className="primary" onClick={() => void ask("run", {})}>Run</button> : null}
      {again ? <button className="primary" onClick={() => void ask("run", {})}>Go on</button> : null}
      {MOVING.includes(job.state) ? <button onClick={() => void ask("cancel", {})}>Stop</button> : null}
      <button onClick={() => go(["new", job.operation], { like: String(job.job) })}>Again with changes</button>
    </div>
  );
}

export function JobPage({ number }: { number: number }) {
  const job = useJob(number);
  const [said, setSaid] = useState<DoneAnswer | Refused | null>(null);
  const stamp = job ? `${job.state}-${job.items_done}-${job.items_failed}` : "";
  const detail = useLoad(job ? `/api/jobs/${number}?${stamp}` : null, (key) => get<Detail>(key));
  if (!job) return <section className="page"><Note tone="plain">There is no job {number} in this project.</Note></section>;
  const value = detail.value;
  const bad = ["failed", "interrupted", "damaged", "unknown", "blocked"].includes(job.state);
  return (
    <section className="page wide">
      <header className="jobhead">
        <div>
          <span className="dim">Job {job.job} · {room(job.operation)}</span>
          <h1>{operationName(job.operation)}</h1>
          <p className="dim">{job.title}</p>
        </div>
        <Actions job={job} tell={setSaid} />
      </header>
      <div className="row facts">
        <StateBadge job={job} />
        <span><span className="dim">items</span> <Items job={job} /></span>
        <span><span className="dim">asked</span> {time(job.created)}</span>
        {job.seconds !== null ? <span><span className="dim">took</span> {duration(job.seconds)}</span> : null}
      </div>
      <Progress job={job} />
      {bad || ["cancelled", "waiting", "ready"].includes(job.state) || (job.state === "draft" && !job.evidence.startsWith("no attempt")) ? <Note tone={bad ? "error" : "plain"}>{job.evidence}</Note> : null}
      {said instanceof Refused ? <Refusal error={said} /> : said ? <Note tone="good">{said.done}</Note> : null}
      {detail.error ? <Refusal error={detail.error} /> : null}
      {value ? (
        <div className="columns">
          <div>
            <LiveCurves job={job} />
            <Results detail={value} />
            <Pictures detail={value} />
            <Metrics detail={value} />
            <Rejected detail={value} />
            <LogView job={job} />
          </div>
          <aside>
            <Inputs detail={value} />
            <Parameters detail={value} />
            <Methods detail={value} />
            <p className="row">
              {job.state === "done" ? <a className="button small" href={address(["report", job.job])}>Report</a> : null}
              <a className="button small" href={address(["pipeline", job.job])}>As a pipeline</a>
            </p>
            <Command text={value.command} />
            {value.downstream.length > 0 ? (
              <p className="dim">
                Used by{" "}
                {value.downstream.map((one, k) => (
                  <span key={one}>{k > 0 ? ", " : ""}<a href={address(["job", one])}>job {one}</a></span>
                ))}
              </p>
            ) : null}
          </aside>
        </div>
      ) : null}
    </section>
  );
}
