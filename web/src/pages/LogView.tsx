// The log of a job, as it grows.
import { useEffect, useRef, useState } from "react";
import { get } from "../api/client";
import type { Job, Log } from "../api/types";

/** Lines kept on the page. */
const MOST = 3000;

export function LogView({ job }: { job: Job }) {
  const [lines, setLines] = useState<string[]>([]);
  const place = useRef<HTMLPreElement>(null);
  const [part, setPart] = useState<number | null>(null);
  const [parts, setParts] = useState<number[]>([]);
  const live = job.state === "running";
  useEffect(() => {
    let stopped = false;
    let next = 0;
    let attempt: number | null = null;
    const look = async () => {
      try {
        const log = await get<Log>(`/api/jobs/${job.job}/log?from=${next}${part === null ? "" : `&part=${part}`}`);
        if (stopped) return;
        setParts((old) => (old.length === log.parts.length ? old : log.parts));
        if (attempt !== null && log.attempt !== attempt) {
          next = 0;
          setLines([]);
        } else if (log.text) {
          next = log.next;
          const more = log.text.replace(/\n$/, "").split("\n");
          setLines((old) => [...old, ...more].slice(-MOST));
        }
        attempt = log.attempt;
      } catch {
        // The store says that the server does not answer.
      }
    };
    setLines([]);
    void look();
    const timer = live ? setInterval(() => void look(), 1000) : undefined;
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [job.job, live, part]);
  useEffect(() => {
    const element = place.current;
    if (element && live) element.scrollTop = element.scrollHeight;
  }, [lines, live]);
  if (lines.length === 0 && parts.length === 0) return null;
  return (
    <section>
      <div className="row spread">
        <h2>Log</h2>
        {parts.length > 0 ? (
          <select aria-label="Part of the log" value={part ?? ""} onChange={(event) => setPart(event.target.value === "" ? null : Number(event.target.value))}>
            <option value="">of the whole</option>
            {parts.map((one) => <option key={one} value={one}>of part {one + 1}</option>)}
          </select>
        ) : null}
      </div>
      <pre className="log" ref={place} tabIndex={0}>{lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\S*Z /, "$1  ")).join("\n")}</pre>
    </section>
  );
}
