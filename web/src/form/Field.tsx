// One parameter: its name, unit, range, default, help, and what is wrong with it.
import { useId, useState } from "react";
import type { Finding, Parameter } from "../api/types";
import { words } from "../app/words";
import { FindingNote } from "../pages/FormPage";
import { shown } from "../pages/JobFacts";
import { FilePicker } from "./FilePicker";
import { textOf } from "./values";

interface Props {
  parameter: Parameter;
  /** As typed; absent where the default holds. */
  text: string | undefined;
  error: string | undefined;
  findings: Finding[];
  change: (text: string | null) => void;
}

function range({ minimum, maximum, unit, kind }: Parameter): string {
  const end = unit ? ` ${unit}` : "";
  if (minimum !== null && maximum !== null) return `${minimum} to ${maximum}${end}`;
  if (minimum !== null && !(minimum === 0 && kind === "integer")) return `at least ${minimum}${end}`;
  return maximum !== null ? `at most ${maximum}${end}` : "";
}

function Control({ parameter, value, change, name }: { parameter: Parameter; value: string; change: (text: string) => void; name: string }) {
  if (parameter.choices.length > 0) {
    return (
      <select id={name} value={value} onChange={(event) => change(event.target.value)}>
        {parameter.optional ? <option value="">none</option> : null}
        {parameter.choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.value.replace(/-/g, " ")}</option>)}
      </select>
    );
  }
  if (parameter.kind === "boolean") {
    return (
      <select id={name} value={value} onChange={(event) => change(event.target.value)}>
        {parameter.optional ? <option value="">none</option> : null}
        <option value="true">yes</option>
        <option value="false">no</option>
      </select>
    );
  }
  if (parameter.kind === "list" || parameter.kind === "json") {
    return <textarea id={name} rows={Math.min(6, Math.max(parameter.kind === "list" ? 1 : 2, value.split("\n").length))} value={value} spellCheck={false} placeholder={parameter.kind === "list" ? "one per line" : "none"} onChange={(event) => change(event.target.value)} />;
  }
  const numeric = parameter.kind !== "text";
  return <input id={name} className={numeric ? "num" : ""} inputMode={numeric ? "decimal" : undefined} value={value} spellCheck={false} placeholder={parameter.optional ? "none" : ""} onChange={(event) => change(event.target.value)} />;
}

export function Field({ parameter, text, error, findings, change }: Props) {
  const name = useId();
  const [picking, setPicking] = useState(false);
  const changed = text !== undefined;
  const value = text ?? textOf(parameter, parameter.default);
  const chosen = parameter.choices.find((choice) => choice.value === value);
  const [first = "", ...rest] = parameter.doc.split("\n\n");
  const limits = range(parameter);
  const pick = (path: string) => {
    setPicking(false);
    change(parameter.kind === "list" && value.trim() ? `${value.trimEnd()}\n${path}` : path);
  };
  return (
    <div className={`field ${changed ? "changed" : ""} ${error ? "wrong" : ""}`}>
      <label htmlFor={name}>{words(parameter.path[parameter.path.length - 1] ?? "")}</label>
      <div className="control">
        <div className="withunit">
          <Control parameter={parameter} value={value} change={change} name={name} />
          {parameter.unit ? <span className="unit">{parameter.unit}</span> : null}
          {parameter.is_path ? <button type="button" onClick={() => setPicking(!picking)}>Choose …</button> : null}
          {changed ? <button type="button" className="quiet" onClick={() => change(null)} title={`Back to the default: ${shown(parameter.default, parameter.unit)}`}>↺</button> : null}
        </div>
        <p className="help">
          {first.replace(/\n/g, " ")}
          {chosen?.doc ? <em> {chosen.value.replace(/-/g, " ")}: {chosen.doc.replace(/\n/g, " ")}</em> : null}
          <span className="limits">
            {limits ? ` ${limits}.` : ""} Default: {shown(parameter.default, parameter.unit)}.
          </span>
        </p>
        {rest.length > 0 ? <details className="more"><summary>More</summary>{rest.map((one, k) => <p key={k}>{one.replace(/\n/g, " ")}</p>)}</details> : null}
        {error ? <p className="bad" role="alert">{error}</p> : null}
        {findings.map((one, k) => <FindingNote key={k} finding={{ ...one, place: "" }} />)}
        {picking ? <FilePicker pick={pick} close={() => setPicking(false)} directories={!parameter.optional || parameter.kind === "list"} /> : null}
      </div>
    </div>
  );
}
