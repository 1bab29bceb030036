// The form of a job, made from its declaration.
import { useEffect, useMemo, useState } from "react";
import { Refused, get, post } from "../api/client";
import type { Checked, Detail, DoneAnswer, Finding, Json, MadeAnswer, OperationDetail, Parameter, Placing, Source } from "../api/types";
import { useLoad } from "../app/load";
import { go } from "../app/route";
import { useProject } from "../app/store";
import { operationName, room, words } from "../app/words";
import { Command } from "../parts/Command";
import { Note, Refusal } from "../parts/Note";
import { Field } from "../form/Field";
import { SlotField } from "../form/SlotField";
import { descendants, startSources } from "../form/sources";
import { parse, textOf, tree } from "../form/values";
import { Where } from "../form/Where";
import { Forecast } from "../form/Forecast";
import { valueAt } from "./JobFacts";

interface Start { detail: OperationDetail; like: Detail | null }

const load = async (key: string): Promise<Start> => {
  const [operation, like] = key.split("?");
  const detail = await get<OperationDetail>(`/api/operations/${operation}`);
  return { detail, like: like ? await get<Detail>(`/api/jobs/${like}`) : null };
};

export function FormPage({ operation, query }: { operation: string; query: URLSearchParams }) {
  const start = useLoad(`${operation}?${query.get("like") ?? ""}`, load);
  if (start.error) return <section className="page"><Refusal error={start.error} /></section>;
  return start.value ? <Form start={start.value} query={query} /> : null;
}

const id = (parameter: Parameter) => parameter.path.join(".");

function startTexts(start: Start, query: URLSearchParams): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const parameter of start.detail.parameters) {
    const before = start.like ? valueAt(start.like.parameters, parameter.path) : parameter.default;
    if (JSON.stringify(before) !== JSON.stringify(parameter.default)) texts[id(parameter)] = textOf(parameter, before);
    const given = query.get(`p.${id(parameter)}`);
    if (given !== null) texts[id(parameter)] = given;
  }
  return texts;
}

/** What the server says of the form, half a second after the last change. */
function useCheck(body: object | null) {
  const key = body ? JSON.stringify(body) : null;
  const [settled, setSettled] = useState<string | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(key), 450);
    return () => clearTimeout(timer);
  }, [key]);
  const answer = useLoad(settled, (text) => post<Checked>("/api/check", JSON.parse(text)));
  return { ...answer, loading: answer.loading || settled !== key };
}

function Form({ start, query }: { start: Start; query: URLSearchParams }) {
  const { operation, parameters } = start.detail;
  const { jobs, project } = useProject();
  const [texts, setTexts] = useState(() => startTexts(start, query));
  const [sources, setSources] = useState<Record<string, Source>>(() => startSources(start, query, jobs));
  const [title, setTitle] = useState("");
  const [expert, setExpert] = useState(false);
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const parsed = useMemo(() => parameters.filter((one) => id(one) in texts).map((one) => [one, parse(one, texts[id(one)]!)] as const), [texts, parameters]);
  const wrong = new Map(parsed.filter(([, value]) => "error" in value).map(([one, value]) => [id(one), (value as { error: string }).error]));
  const values = tree(parsed.flatMap(([one, value]) => ("value" in value ? [[one.path, value.value] as [string[], Json]] : [])));
  const [placing, setPlacing] = useState<Placing>({});
  const body = wrong.size === 0 ? { operation: operation.id, title, parameters: values, inputs: sources, placing } : null;
  const check = useCheck(project?.role === "viewer" ? null : body);
  const findings = check.value?.preview.findings ?? [];
  const names = new Set([...parameters.map(id), ...operation.inputs.map((slot) => slot.name)]);
  const about = (name: string): Finding[] => findings.filter((one) => one.place === name);
  const general = findings.filter((one) => !names.has(one.place));
  const errors = findings.some((one) => one.severity === "error");
  const like = start.like?.summary;
  const followers = like ? descendants(jobs, like.job) : [];
  // What differs from the job that is made again; a branch takes what came from it along.
  const changes = start.like ? parsed.flatMap(([one, value]) => ("value" in value && JSON.stringify(value.value) !== JSON.stringify(valueAt(start.like!.parameters, one.path)) ? [[id(one), value.value] as const] : [])) : [];
  const reset = start.like ? parameters.flatMap((one) => (!(id(one) in texts) && JSON.stringify(valueAt(start.like!.parameters, one.path)) !== JSON.stringify(one.default) ? [[id(one), one.default] as const] : [])) : [];
  const branch = async () => {
    setSending(true);
    setRefused(null);
    try {
      const made = await post<MadeAnswer>(`/api/jobs/${like!.job}/branch`, { changes: Object.fromEntries([...changes, ...reset]), run: true, placing });
      go(["compare-jobs", like!.job, made.jobs[0]![0]]);
    } catch (error) {
      setRefused(error instanceof Refused ? error : new Refused(0, String(error), ""));
      setSending(false);
    }
  };
  const send = async (run: boolean) => {
    setSending(true);
    setRefused(null);
    try {
      const done = await post<DoneAnswer>("/api/jobs", { ...body, run });
      go(["job", done.job]);
    } catch (error) {
      setRefused(error instanceof Refused ? error : new Refused(0, String(error), ""));
      setSending(false);
    }
  };
  const visible = parameters.filter((one) => expert || !one.expert || id(one) in texts || about(id(one)).length > 0);
  const groups = [...new Set(visible.map((one) => one.path.slice(0, -1).join(" ")))];
  const hidden = parameters.filter((one) => one.expert).length;
  const change = (one: Parameter, text: string | null) =>
    setTexts(({ [id(one)]: _, ...rest }) => (text === null ? rest : { ...rest, [id(one)]: text }));
  const ready = body !== null && !errors && !check.error && !check.loading && check.value !== null;
  return (
    <section className="page wide">
      <header>
        <span className="dim">New job · {room(operation.id)}</span>
        <h1>{operationName(operation.id)}</h1>
        <Description text={start.detail.description} />
      </header>
      <form className="columns" onSubmit={(event) => { event.preventDefault(); if (ready && !sending) void send(true); }}>
        <div>
          {operation.inputs.length > 0 ? <h2>Inputs</h2> : null}
          {operation.inputs.map((slot) => (
            <SlotField
              key={slot.name}
              slot={slot}
              source={sources[slot.name]}
              findings={about(slot.name)}
              change={(source) => setSources(({ [slot.name]: _, ...rest }) => (source ? { ...rest, [slot.name]: source } : rest))}
            />
          ))}
          {groups.map((group) => (
            <fieldset key={group}>
              <legend><h2>{group ? words(group) : "Parameters"}</h2></legend>
              {visible.filter((one) => one.path.slice(0, -1).join(" ") === group).map((one) => (
                <Field key={id(one)} parameter={one} text={texts[id(one)]} error={wrong.get(id(one))} findings={about(id(one))} change={(text) => change(one, text)} />
              ))}
            </fieldset>
          ))}
          {parameters.length === 0 ? <p className="dim">There is nothing to choose.</p> : null}
          {hidden > 0 ? (
            <label className="check">
              <input type="checkbox" checked={expert} onChange={(event) => setExpert(event.target.checked)} />
              Show {hidden} rarely needed parameters
            </label>
          ) : null}
          <Where placing={placing} change={setPlacing} />
          <h2>Title</h2>
          <input className="titlefield" value={title} maxLength={300} placeholder={operation.summary} aria-label="Title" onChange={(event) => setTitle(event.target.value)} />
        </div>
        <aside className="sticky">
          {general.map((one, k) => <FindingNote key={k} finding={one} />)}
          {check.error ? <Refusal error={check.error} /> : null}
          {refused ? <Refusal error={refused} /> : null}
          <Forecast checked={check.value} loading={check.loading && body !== null} />
          <div className="row">
            <button type="submit" className="primary" disabled={!ready || sending}>Run</button>
            <button type="button" disabled={!ready || sending} onClick={() => void send(false)}>Keep as draft</button>
            {followers.length > 0 && changes.length + reset.length > 0 ? (
              <button type="button" disabled={wrong.size > 0 || sending} onClick={() => void branch()}>Run with the {followers.length} that follow</button>
            ) : null}
          </div>
          {followers.length > 0 && changes.length + reset.length > 0 ? (
            <p className="dim small">A branch: this job and all that came from job {like!.job} are made again beside the old ones. What does not change is not computed again.</p>
          ) : null}
          <Command text={check.value?.command ?? ""} />
          <section>
            <h3>For the paper</h3>
            <p className="methods">{start.detail.methods}</p>
            <ul className="citations">{start.detail.citations.map(([key, doi]) => <li key={key}>{key}{doi ? <> · <span className="path">doi:{doi}</span></> : null}</li>)}</ul>
          </section>
        </aside>
      </form>
    </section>
  );
}

/** The first paragraph; the rest when asked for. */
function Description({ text }: { text: string }) {
  const [first = "", ...rest] = text.split("\n\n");
  return (
    <>
      <p className="lead">{first.replace(/\n/g, " ")}</p>
      {rest.length > 0 ? (
        <details className="more">
          <summary>More</summary>
          {rest.map((one, k) => <p key={k}>{one.replace(/\n/g, " ")}</p>)}
        </details>
      ) : null}
    </>
  );
}

export function FindingNote({ finding }: { finding: Finding }) {
  return (
    <Note tone={finding.severity}>
      <span>{finding.place ? <strong>{finding.place}: </strong> : null}{finding.message}</span>
      {finding.hint ? <span className="hint">{finding.hint}</span> : null}
    </Note>
  );
}
