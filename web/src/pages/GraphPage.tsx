// The graph of the project: jobs and what flows between them.
import { useEffect, useMemo, useState } from "react";
import { go } from "../app/route";
import { useProject } from "../app/store";
import { GraphView } from "../graph/GraphView";
import type { Shape } from "../graph/layers";
import { places } from "../graph/places";
import { Empty } from "./Empty";
import { Selected } from "./Selected";

export default function GraphPage() {
  const { jobs } = useProject();
  const [chosen, setChosen] = useState<number | null>(null);
  // The layout depends on the connections alone.
  const text = useMemo(() => {
    const index = new Map(jobs.map((job, k) => [job.job, k]));
    const sources = (k: number) => [...new Set(jobs[k]!.inputs.map((filled) => index.get(filled.job)))].filter((from) => from !== undefined && from < k);
    return JSON.stringify(jobs.map((_, k) => sources(k)));
  }, [jobs]);
  const shape = useMemo(() => JSON.parse(text) as Shape, [text]);
  const layout = useMemo(() => places(shape), [shape]);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape") setChosen(null);
      if (event.key === "Enter" && chosen !== null) go(["job", chosen]);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [chosen]);
  if (jobs.length === 0) return <Empty />;
  const job = jobs.find((one) => one.job === chosen);
  return (
    <div className="graph">
      <GraphView jobs={jobs} shape={shape} places={layout} chosen={chosen} choose={setChosen} open={(number) => go(["job", number])} />
      {job ? <Selected job={job} close={() => setChosen(null)} /> : null}
    </div>
  );
}
