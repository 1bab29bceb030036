// A job in the graph.
import { memo } from "react";
import type { Job } from "../api/types";
import { operationName, room } from "../app/words";
import { Items, Progress, StateBadge } from "../parts/StateBadge";

interface Props { job: Job; selected: boolean; x: number; y: number; label: string; choose: (job: number) => void }

export const Card = memo(function Card({ job, selected, x, y, label, choose }: Props) {
  return (
    <div
      className={`jobcard ${job.state} ${selected ? "selected" : ""}`}
      style={{ left: x, top: y }}
      data-job={job.job}
      role="button"
      tabIndex={0}
      aria-label={label}
      aria-pressed={selected}
      onFocus={(event) => event.currentTarget.matches(":focus-visible") && choose(job.job)}
    >
      <div className="jobcardhead">
        <span className="dim">{room(job.operation)}</span>
        <span className="dim num">{job.job}</span>
      </div>
      <strong>{operationName(job.operation)}</strong>
      <div className="jobcardfoot">
        <StateBadge job={job} />
        <Items job={job} />
      </div>
      <Progress job={job} />
    </div>
  );
});
