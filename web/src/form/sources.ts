// What can fill an input, and what fills it at first.
import type { Detail, Job, OperationDetail, Slot, Source } from "../api/types";

/** Outputs of a kind, the newest first. */
export function fitting(jobs: Job[], kind: string): { job: Job; slot: string; items: number }[] {
  return [...jobs].reverse().flatMap((job) =>
    job.outputs.filter((output) => output.kind === kind && output.items > 0).map((output) => ({ job, slot: output.slot, items: output.items })),
  );
}

/** Jobs that a job's results were made from, itself included, the nearest first. */
function ancestors(jobs: Job[], number: number): number[] {
  const known = new Map(jobs.map((job) => [job.job, job]));
  const found = [number];
  for (const one of found) {
    for (const filled of known.get(one)?.inputs ?? []) if (!found.includes(filled.job)) found.push(filled.job);
  }
  return found;
}

/** The required slots are filled from where one came, then from its ancestors, then from the newest that fits. */
export function startSources(
  start: { detail: OperationDetail; like: Detail | null },
  query: URLSearchParams,
  jobs: Job[],
): Record<string, Source> {
  if (start.like) return { ...start.like.sources };
  const sources: Record<string, Source> = {};
  for (const { name } of start.detail.operation.inputs) {
    const file = query.get(`file.${name}`);
    if (file !== null) sources[name] = { files: [file] };
  }
  const [number, slot] = (query.get("from") ?? "").split(".");
  const origin = jobs.find((job) => job.job === Number(number));
  const output = origin?.outputs.find((one) => one.slot === slot);
  const { inputs } = start.detail.operation;
  if (origin && output) {
    const first = inputs.find((one) => one.kind === output.kind && one.required) ?? inputs.find((one) => one.kind === output.kind);
    if (first) sources[first.name] = { job: { job: origin.job, slot: output.slot } };
  }
  const line = origin ? ancestors(jobs, origin.job) : [];
  for (const one of inputs.filter((input) => !(input.name in sources))) {
    const found = candidate(one, jobs, line, sources);
    if (found) sources[one.name] = found;
  }
  return sources;
}

function candidate(slot: Slot, jobs: Job[], line: number[], taken: Record<string, Source>): Source | null {
  const used = Object.values(taken).map((source) => ("job" in source ? `${source.job.job}.${source.job.slot}` : ""));
  const all = fitting(jobs, slot.kind).filter((one) => !used.includes(`${one.job.job}.${one.slot}`));
  const named = all.filter((one) => one.slot === slot.name);
  const near = (list: typeof all) => line.map((number) => list.find((one) => one.job.job === number)).find((one) => one !== undefined);
  // What may stay empty is filled only with what goes by its name and belongs to it; lists of files change what is done.
  const optional = slot.kind === "files" ? undefined : near(named);
  const best = slot.required ? (near(named) ?? near(all) ?? named[0] ?? all[0]) : optional;
  return best ? { job: { job: best.job.job, slot: best.slot } } : null;
}

/** Jobs that use a job's results, and those that use theirs; ascending. */
export function descendants(jobs: Job[], number: number): number[] {
  const found = new Set([number]);
  for (const job of jobs) if (job.inputs.some((filled) => found.has(filled.job))) found.add(job.job);
  found.delete(number);
  return [...found];
}
