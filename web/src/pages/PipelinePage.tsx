// A pipeline: some jobs and all they came from as a file, to run on the same or other data.
import { useState } from "react";
import { Refused, get, post } from "../api/client";
import type { MadeAnswer, PipelineText } from "../api/types";
import { useLoad } from "../app/load";
import { address } from "../app/route";
import { useProject } from "../app/store";
import { Command } from "../parts/Command";
import { Note, Refusal } from "../parts/Note";
import { save } from "../parts/save";

const EMPTY = 'name = "pipeline"\n\n[variables]\n\n[[step]]\nname = ""\njob = ""\n';

export function PipelinePage({ from }: { from: number | null }) {
  const { project } = useProject();
  const known = useLoad(from === null ? null : `/api/jobs/${from}/pipeline`, (key) => get<PipelineText>(key));
  const [typed, setTyped] = useState<string | null>(null);
  const [said, setSaid] = useState<MadeAnswer | Refused | null>(null);
  const [sending, setSending] = useState(false);
  const toml = typed ?? known.value?.toml ?? (from === null ? EMPTY : "");
  const send = async (run: boolean) => {
    setSending(true);
    setSaid(await post<MadeAnswer>("/api/pipelines", { toml, run }).catch((error: unknown) => error as Refused));
    setSending(false);
  };
  return (
    <section className="page wide">
      <h1>Pipeline{from === null ? "" : ` of job ${from}`}</h1>
      <p className="lead">
        The jobs that led here, as a file. Run on the same data, nothing is computed again; with other files among its variables it does the same with these.
      </p>
      {known.error ? <Refusal error={known.error} /> : null}
      <textarea className="toml" aria-label="Pipeline file" rows={Math.max(12, Math.min(36, toml.split("\n").length + 1))} value={toml} spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
      <div className="row">
        {project?.role === "viewer" ? null : (
          <>
            <button className="primary" disabled={sending || !toml.trim()} onClick={() => void send(true)}>Run</button>
            <button disabled={sending || !toml.trim()} onClick={() => void send(false)}>Keep as drafts</button>
          </>
        )}
        <button onClick={() => save(new Blob([toml], { type: "application/toml" }), "pipeline.toml")}>Save the file</button>
      </div>
      {said instanceof Refused ? <Refusal error={said} /> : said ? (
        <Note tone="good">
          {said.jobs.length === 0 ? "Everything is there already." : <>Made {said.jobs.map(([job], k) => <span key={job}>{k > 0 ? ", " : ""}<a href={address(["job", job])}>job {job}</a></span>)}.</>}
        </Note>
      ) : null}
      <Command text={said && !(said instanceof Refused) ? said.command : (known.value?.command ?? "")} />
    </section>
  );
}
