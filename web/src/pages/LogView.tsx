// The log of a job, as it grows.
import { useEffect, useRef, useState } from "react";
import { get } from "../api/client";
import type { Job, Log } from "../api/types";

/** Lines kept on the page. */
const MOST = 3000;

export function LogView({ job }: { job: Job }) {
  const [lines, setLines] = useState<string[]>([]);
  const place = useRef<HTMLPreElement>(null);
  const live = job.state === "running";
  useEffect(() => {
    let stopped = false;
    let next = 0;
    let attempt: number | null = null;
    const look = async () => {
      try {
        const log = await get<Log>(`/api/jobs/${job.job}/log?from=${next}`);
        if (stopped) return;
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
  }, [job.job, live]);
  useEffect(() => {
    const element = place.current;
    if (element && live) element.scrollTop = element.scrollHeight;
  }, [lines, live]);
  if (lines.length === 0) return null;
  return (
    <section>
      <h2>Log</h2>
      <pre className="log" ref={place} tabIndex={0}>{lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\S*Z /, "$1  ")).join("\n")}</pre>
    </section>
  );
}
