// The jobs of the project, as they change.
import { useSyncExternalStore } from "react";
import { Refused, follow, get } from "../api/client";
import type { Graph, Job, Operation, Project } from "../api/types";

interface Snapshot {
  project: Project | null;
  operations: Operation[];
  jobs: Job[];
  problems: [string, string][];
  /** Why nothing new comes. */
  trouble: Refused | null;
  loaded: boolean;
}

let now: Snapshot = { project: null, operations: [], jobs: [], problems: [], trouble: null, loaded: false };
const listeners = new Set<() => void>();

function change(part: Partial<Snapshot>): void {
  now = { ...now, ...part };
  listeners.forEach((tell) => tell());
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

export function useProject(): Snapshot {
  return useSyncExternalStore(subscribe, () => now);
}

export function useJob(number: number): Job | undefined {
  return useProject().jobs.find((job) => job.job === number);
}

function merge(changed: Job[]): void {
  const jobs = new Map(now.jobs.map((job) => [job.job, job]));
  changed.forEach((job) => jobs.set(job.job, job));
  change({ jobs: [...jobs.values()].sort((a, b) => a.job - b.job) });
}

export async function reload(): Promise<void> {
  const graph = await get<Graph>("/api/graph");
  change({ jobs: graph.jobs, problems: graph.problems, loaded: true, trouble: null });
}

function tell(event: string, data: string): void {
  if (event === "again") void reload();
  if (event === "jobs") merge(JSON.parse(data) as Job[]);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Loads the project and follows it for as long as the page is open. */
export async function start(): Promise<void> {
  for (;;) {
    try {
      if (!now.project) {
        const project = await get<Project>("/api/project");
        const operations = await get<Operation[]>("/api/operations");
        change({ project, operations });
        document.title = `${project.name} – thon`;
      }
      await follow("/api/events", tell, new AbortController().signal);
    } catch (error) {
      change({ trouble: error instanceof Refused ? error : new Refused(0, "The connection was lost.", "") });
      if (error instanceof Refused && error.status === 401) return;
    }
    await pause(1500);
  }
}
