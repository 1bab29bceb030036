// How a result came about, to be written up: methods, parameters, versions, counts, citations.
import { get } from "../api/client";
import type { ReportText } from "../api/types";
import { useLoad } from "../app/load";
import { Command } from "../parts/Command";
import { Refusal } from "../parts/Note";
import { save } from "../parts/save";

export function ReportPage({ job }: { job: number }) {
  const known = useLoad(`/api/jobs/${job}/report`, (key) => get<ReportText>(key));
  if (known.error) return <section className="page"><Refusal error={known.error} /></section>;
  const report = known.value;
  return (
    <section className="page">
      <h1>Report of job {job}</h1>
      {report ? (
        <>
          <div className="row">
            <button onClick={() => save(new Blob([report.markdown], { type: "text/markdown" }), `job-${job}.md`)}>Save the text</button>
            <button onClick={() => save(new Blob([report.bibtex], { type: "application/x-bibtex" }), `job-${job}.bib`)}>Save the citations</button>
          </div>
          <pre className="report">{report.markdown}</pre>
          {report.bibtex ? <><h2>Citations</h2><pre className="report">{report.bibtex}</pre></> : null}
          <Command text={report.command} />
        </>
      ) : <p className="dim">Gathering …</p>}
    </section>
  );
}
