// State and progress of a job.
import type { Job } from "../api/types";
import { STATES } from "../app/words";

export function StateBadge({ job }: { job: Job }) {
  return (
    <span className={`state ${job.state}`} title={job.evidence}>
      <i aria-hidden="true" />
      {STATES[job.state]}
    </span>
  );
}

export function Items({ job }: { job: Job }) {
  const { items_done: done, items_failed: failed, items_total: total } = job;
  if (done === 0 && failed === 0 && total === null) return <span className="dim">–</span>;
  const whole = total !== null && total !== done ? `${done} of ${total}` : `${done}`;
  return (
    <span className="items">
      {whole}
      {failed > 0 ? <em className="bad" title="items that did not come out"> −{failed}</em> : null}
    </span>
  );
}

export function Progress({ job }: { job: Job }) {
  if (job.state !== "running") return null;
  const share = job.progress ?? 0;
  const percent = Math.floor(share * 100);
  return (
    <div className="progress" role="progressbar" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} aria-label="Progress">
      <b style={{ width: `${Math.max(2, share * 100)}%` }} />
    </div>
  );
}
