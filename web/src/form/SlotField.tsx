// What fills an input: an output of a job, or files.
import { useId, useState } from "react";
import type { Finding, Slot, Source } from "../api/types";
import { counted } from "../app/objects";
import { useProject } from "../app/store";
import { operationName, words } from "../app/words";
import { FindingNote } from "../pages/FormPage";
import { FilePicker } from "./FilePicker";
import { fitting } from "./sources";

/** The newest results that are listed at first. */
const MOST = 100;

interface Props {
  slot: Slot;
  source: Source | undefined;
  findings: Finding[];
  change: (source: Source | null) => void;
}

export function SlotField({ slot, source, findings, change }: Props) {
  const name = useId();
  const { jobs } = useProject();
  const [picking, setPicking] = useState(false);
  const [most, setMost] = useState(MOST);
  const all = fitting(jobs, slot.kind);
  const isChosen = (job: number, output: string) => source !== undefined && "job" in source && source.job.job === job && source.job.slot === output;
  const outputs = all.filter((one, k) => k < most || isChosen(one.job.job, one.slot));
  const files = source && "files" in source ? source.files : null;
  const value = source ? ("job" in source ? `${source.job.job}.${source.job.slot}` : "files") : "";
  const choose = (text: string) => {
    if (text === "more") {
      setMost(10 * most);
    } else if (text === "files") {
      change({ files: files ?? [] });
      setPicking(true);
    } else if (text === "") {
      change(null);
    } else {
      const dot = text.indexOf(".");
      change({ job: { job: Number(text.slice(0, dot)), slot: text.slice(dot + 1) } });
    }
  };
  return (
    <div className="field">
      <label htmlFor={name}>
        {words(slot.name)}
        {slot.required ? null : <span className="dim"> (optional)</span>}
      </label>
      <div className="control">
        <select id={name} value={value} onChange={(event) => choose(event.target.value)}>
          <option value="">{slot.required ? "Choose …" : "none"}</option>
          {outputs.map(({ job, slot: output, items }) => (
            <option key={`${job.job}.${output}`} value={`${job.job}.${output}`}>
              Job {job.job}, {operationName(job.operation)}: {words(output).toLowerCase()} ({counted(items, slot.kind)})
            </option>
          ))}
          {all.length > outputs.length ? <option value="more">{all.length - outputs.length} older ones …</option> : null}
          <option value="files">Files …</option>
        </select>
        {files ? (
          <div className="withunit">
            <textarea rows={Math.max(1, files.length)} aria-label="Files" placeholder="one per line" value={files.join("\n")} onChange={(event) => change({ files: event.target.value.split("\n") })} />
            <button type="button" onClick={() => setPicking(!picking)}>Choose …</button>
          </div>
        ) : null}
        {files && picking ? <FilePicker directories={false} close={() => setPicking(false)} pick={(path) => { change({ files: [...files.filter(Boolean), path] }); setPicking(false); }} /> : null}
        <p className="help">{slot.doc.replace(/\n/g, " ")}{slot.each ? " The job runs once for each." : ""}</p>
        {findings.map((one, k) => <FindingNote key={k} finding={{ ...one, place: "" }} />)}
      </div>
    </div>
  );
}
