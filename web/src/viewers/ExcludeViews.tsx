// From marked views to a job that leaves them out, with a reason. Which job can do that, the catalogue says: the one with
// a parameter that picks tilt images.
import { useState } from "react";
import { get } from "../api/client";
import type { OperationDetail, TiltSeries } from "../api/types";
import { useLoad } from "../app/load";
import type { ObjectPlace } from "../app/objects";
import { go } from "../app/route";
import { useProject } from "../app/store";

/** The job of the catalogue whose parameter is filled by pointing at `what`, and that parameter. */
export function usePicker(what: string, kind: string) {
  const { operations } = useProject();
  const ids = operations.filter((one) => one.inputs.some((slot) => slot.kind === kind) && one.outputs.some((slot) => slot.kind === kind)).map((one) => one.id);
  return useLoad(ids.join(" "), async (key) => {
    for (const id of key.split(" ").filter(Boolean)) {
      const detail = await get<OperationDetail>(`/api/operations/${id}`);
      const parameter = detail.parameters.find((one) => one.picks === what);
      if (parameter) return { detail, parameter };
    }
    return null;
  }).value;
}

interface Props { place: ObjectPlace; series: TiltSeries; marked: number[]; clear: () => void }

export function ExcludeViews({ place, series, marked, clear }: Props) {
  const { project } = useProject();
  const picker = usePicker("tilt-images", "tilt-series");
  const [reason, setReason] = useState("");
  if (!picker || project?.role === "viewer" || marked.length === 0) return null;
  const { detail, parameter } = picker;
  const named = (what: string) => detail.parameters.find((one) => one.picks === what);
  const numbers = [...marked].sort((a, b) => a - b).map((view) => view + 1).join(", ");
  const next = () => {
    const query: Record<string, string> = { from: `${place.job}.${place.slot}`, [`p.${parameter.path.join(".")}`]: numbers };
    const only = named("tilt-series-name");
    const why = named("reason");
    if (only) query[`p.${only.path.join(".")}`] = series.name;
    if (why && reason.trim()) query[`p.${why.path.join(".")}`] = reason.trim();
    go(["new", detail.operation.id], query);
  };
  return (
    <section className="exclude">
      <h3>Leave out</h3>
      <p>{marked.length === 1 ? "View" : "Views"} {numbers} of {series.name}</p>
      <input value={reason} placeholder="Why?" aria-label="Reason" maxLength={200} onChange={(event) => setReason(event.target.value)} />
      <div className="row">
        <button className="primary" onClick={next}>Make the job</button>
        <button onClick={clear}>Clear</button>
      </div>
    </section>
  );
}
