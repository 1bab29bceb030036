// From a tomogram or a particle set to a curation of it: the one that is under way already, or a new one.
import { useState } from "react";
import { Refused, get, post } from "../api/client";
import type { ObjectPlace } from "../app/objects";
import { go } from "../app/route";
import { useProject } from "../app/store";
import type { Curation, OutputPlace } from "./useCuration";

interface Props {
  label: string;
  tomograms: OutputPlace | null;
  particles: OutputPlace | null;
  /** Item of the tomograms to begin with. */
  item?: number;
}

const is = (a: OutputPlace | null, b: OutputPlace | null) => a?.job === b?.job && a?.slot === b?.slot;

export function StartCuration({ label, tomograms, particles, item = 0 }: Props) {
  const { project } = useProject();
  const [refused, setRefused] = useState("");
  if (project?.role === "viewer" || tomograms === null) return null;
  const begin = async () => {
    try {
      const all = await get<Curation[]>("/api/curations");
      const known = [...all].reverse().find((one) => is(one.tomograms, tomograms) && is(one.particles, particles));
      const curation = known ?? (await post<Curation>("/api/curations", { tomograms, particles }));
      go(["curate", curation.number], item > 0 ? { item: String(item) } : {});
    } catch (error) {
      setRefused(error instanceof Refused ? error.message : String(error));
    }
  };
  return (
    <>
      <button onClick={() => void begin()}>{label}</button>
      {refused ? <span className="bad">{refused}</span> : null}
    </>
  );
}

/** The tomograms in which a set was picked, or else the newest of the project. */
export function useTomogramsOf(place: ObjectPlace): OutputPlace | null {
  const { jobs } = useProject();
  const known = new Map(jobs.map((job) => [job.job, job]));
  const line = [place.job];
  for (const one of line) for (const filled of known.get(one)?.inputs ?? []) if (!line.includes(filled.job)) line.push(filled.job);
  const of = (number: number) => known.get(number)?.outputs.find((output) => output.kind === "tomogram" && output.items > 0);
  for (const number of [...line, ...jobs.map((job) => job.job).reverse()]) {
    const found = of(number);
    if (found) return { job: number, slot: found.slot };
  }
  return null;
}
