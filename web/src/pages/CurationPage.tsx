// Picks over their tomogram: added, moved, accepted and rejected with a key each, saved as one goes.
import { useMemo, useState } from "react";
import { get, points, post, Refused } from "../api/client";
import type { Detail, ParticlesSummary, Tomogram } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { address, go } from "../app/route";
import { useProject } from "../app/store";
import { Command } from "../parts/Command";
import { Note, Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import { Gallery } from "../curation/Gallery";
import { CurationKeys, KeyHelp } from "../curation/CurationKeys";
import { ordered, picksOf, scoreColumn, toSpecimen, type Order, type Pick, type Show } from "../curation/picks";
import { useEditing, type Curation } from "../curation/useCuration";
import type { Edit } from "../curation/edits";
import type { Marks } from "../viewers/Overlay";
import type { Position } from "../viewers/Plane";
import { VolumeViewer } from "../viewers/VolumeViewer";

/** Picks of one tomogram at most. */
const MOST = 500_000;

export function CurationPage({ number, query }: { number: number; query: URLSearchParams }) {
  const curation = useLoad(`/api/curations/${number}`, (key) => get<Curation>(key));
  const { project } = useProject();
  if (curation.error) return <section className="page"><Refusal error={curation.error} /></section>;
  if (!curation.value) return null;
  if (!curation.value.tomograms) return <section className="page"><Note tone="plain">This curation has no tomogram to look at; `thon curate` edits it.</Note></section>;
  return <Opened curation={curation.value} tomograms={curation.value.tomograms} item={Number(query.get("item") ?? 0)} mayEdit={project?.role !== "viewer"} />;
}

interface OpenedProps { curation: Curation; tomograms: { job: number; slot: string }; item: number; mayEdit: boolean }

function Opened({ curation, tomograms, item, mayEdit }: OpenedProps) {
  const editing = useEditing(curation.number, curation.count);
  const detail = useLoad(`/api/jobs/${tomograms.job}`, (key) => get<Detail>(key));
  const items = detail.value?.outputs[tomograms.slot] ?? [];
  const place: ObjectPlace = { ...tomograms, item };
  const tomogram = useLoad(api(place, "document"), (key) => get<Tomogram>(key));
  const set: ObjectPlace | null = curation.particles ? { ...curation.particles, item: 0 } : null;
  const summary = useLoad(set ? api(set, "particles") : null, (key) => get<ParticlesSummary>(key));
  const [problem, setProblem] = useState("");
  const finish = async () => {
    try {
      const sealed = await post<{ path: string }>(`/api/curations/${curation.number}/seal`, {});
      const from: Record<string, string> = curation.particles ? { from: `${curation.particles.job}.${curation.particles.slot}` } : {};
      go(["new", TAKES_EDITS.id], { ...from, [`file.${TAKES_EDITS.slot}`]: sealed.path });
    } catch (error) {
      setProblem(error instanceof Refused ? error.message : String(error));
    }
  };
  const { operations } = useProject();
  const TAKES_EDITS = useMemo(() => {
    const taker = operations.find((one) => one.inputs.some((slot) => slot.kind === "edits"));
    return { id: taker?.id ?? "", slot: taker?.inputs.find((slot) => slot.kind === "edits")?.name ?? "" };
  }, [operations]);
  const turn = (to: number) => go(["curate", curation.number], { item: String(to) });
  const { accepted, rejected } = useMemo(() => tally(editing.curated.decisions), [editing.curated]);
  return (
    <section className="page wide view">
      <header className="viewhead">
        <div>
          <span className="dim">
            Curation {curation.number}
            {curation.particles ? <> of <a href={address(["view", curation.particles.job, curation.particles.slot, 0])}>job {curation.particles.job}</a></> : ", picking by hand"}
          </span>
          <h1>{items[item]?.name.replace(/_/g, " ") ?? "…"}</h1>
        </div>
        <div className="row">
          {items.length > 1 ? (
            <span className="row tight">
              <button disabled={item <= 0} onClick={() => turn(item - 1)} aria-label="Previous tomogram">‹</button>
              <select aria-label="Tomogram" value={item} onChange={(event) => turn(Number(event.target.value))}>
                {items.map((one, k) => <option key={one.name} value={k}>{one.name}</option>)}
              </select>
              <button disabled={item >= items.length - 1} onClick={() => turn(item + 1)} aria-label="Next tomogram">›</button>
            </span>
          ) : null}
          <span className="num" role="status" data-stored={editing.stored} data-waiting={editing.waiting}>
            <span className="good">{accepted.toLocaleString("en")} accepted</span> · <span className="bad">{rejected.toLocaleString("en")} rejected</span> · {editing.curated.added.size} added ·{" "}
            <span className="dim">{editing.waiting > 0 ? `saving ${editing.waiting} …` : editing.loaded ? "all saved" : "opening …"}</span>
          </span>
          {mayEdit && TAKES_EDITS.id ? <button className="primary" disabled={editing.waiting > 0 || editing.stored === 0} onClick={() => void finish()}>Make the particle set</button> : null}
        </div>
      </header>
      {editing.problem ? <Note tone="warning">Not saved yet: {editing.problem} It is tried again.</Note> : null}
      {editing.lost > 0 ? <Note tone="warning">Somebody else edited this curation at the same time: your last {editing.lost === 1 ? "edit was" : `${editing.lost} edits were`} not stored. What you see now is what is stored.</Note> : null}
      {problem ? <Note tone="error">{problem}</Note> : null}
      {tomogram.error ? <Refusal error={tomogram.error} /> : null}
      {summary.error ? <Refusal error={summary.error} /> : null}
      {tomogram.value && editing.loaded && (set === null || summary.value) ? (
        <Work key={item} place={place} tomogram={tomogram.value} set={set} summary={summary.value} editing={editing} mayEdit={mayEdit} />
      ) : <p className="dim">Opening the tomogram …</p>}
      <Command text={curation.command} />
    </section>
  );
}

function tally(decisions: Map<number, string>) {
  let accepted = 0;
  for (const decision of decisions.values()) accepted += Number(decision === "accepted");
  return { accepted, rejected: decisions.size - accepted };
}

interface WorkProps { place: ObjectPlace; tomogram: Tomogram; set: ObjectPlace | null; summary: ParticlesSummary | null; editing: ReturnType<typeof useEditing>; mayEdit: boolean }

function Work({ place, tomogram, set, summary, editing, mayEdit }: WorkProps) {
  const [nz, ny, nx] = tomogram.grid.dims;
  const [column, setColumn] = useState(() => scoreColumn(summary?.columns ?? []));
  const series = summary?.tilt_series.findIndex(([name]) => name === tomogram.tilt_series) ?? -1;
  const query = new URLSearchParams({ most: String(MOST), series: String(series), ...(column ? { by: column } : {}) });
  const base = useLoad(set && series >= 0 ? api(set, `particles/points?${query}`) : null, (key) => points(key));
  const ready = set === null || series < 0 || base.value !== null;
  const picks = useMemo(() => picksOf(base.value, summary?.oriented ?? false, editing.curated, tomogram), [base.value, editing.curated, tomogram]);
  const [order, setOrder] = useState<Order>(column ? "best" : "set");
  const [show, setShow] = useState<Show>("all");
  const fixed = useMemo(() => ordered(picks, order, show), [base.value, order, show, ready]);
  // Points that are added while one works come at the end.
  const list = useMemo(() => {
    const known = new Set(fixed);
    const more = [...picks.values()].filter((pick) => pick.added && !known.has(pick.particle));
    return [...fixed.filter((one) => gone(picks.get(one)) === false), ...more.filter((pick) => pick.decision !== "rejected" && (show === "all" || show === "added")).map((pick) => pick.particle)];
  }, [fixed, picks, show]);
  const [selected, setSelected] = useState<number | null>(null);
  const [position, setPosition] = useState<Position>([Math.floor(nx / 2), Math.floor(ny / 2), Math.floor(nz / 2)]);
  const [diameter, setDiameter] = useState(250);
  const [group, setGroup] = useState<number | null>(null);
  const voxel = tomogram.grid.voxel_size;
  const select = (particle: number | null) => {
    setSelected(particle);
    const pick = particle === null ? undefined : picks.get(particle);
    if (pick) setPosition([nx, ny, nz].map((n, k) => Math.max(0, Math.min(n - 1, Math.round(pick.voxel[k]!)))) as Position);
  };
  const step = (by: number) => {
    if (list.length === 0) return;
    const at = selected === null ? -1 : list.indexOf(selected);
    select(list[Math.max(0, Math.min(list.length - 1, at + by))]!);
  };
  const decide = (edit: "accept" | "reject" | "reopen", all: boolean) => {
    if (selected === null) return step(1);
    const from = list.indexOf(selected);
    const rest = all ? list.slice(from).filter((one) => picks.get(one)?.decision === null) : [selected];
    if (rest.length > 0) editing.edit({ edit, particles: rest } as Edit);
    if (!all) step(1);
  };
  const add = () => {
    editing.edit({ edit: "add", tilt_series: tomogram.tilt_series, position: toSpecimen(position, tomogram), ...(group ? { class: group } : {}) });
    // What was added can be moved or rejected at once.
    setSelected(editing.next);
  };
  const move = () => selected !== null && editing.edit({ edit: "move", particle: selected, position: toSpecimen(position, tomogram) });
  const undo = () => editing.curated.undoable > 0 && editing.edit({ edit: "undo" });
  const redo = () => editing.curated.redoable > 0 && editing.edit({ edit: "redo" });
  const marks = useMemo<Marks>(() => marksOf(picks, selected, diameter / 2 / voxel), [picks, selected, diameter, voxel]);
  const does = { step, decide, add, move, undo, redo, group: (n: number) => setGroup(n || null) };
  const edge = Math.max(8, Math.min(256, 2 * Math.round((1.7 * diameter) / voxel / 2)));
  return (
    <div className="curation">
      {mayEdit ? <CurationKeys does={does} /> : null}
      <VolumeViewer place={place} kind="tomogram" position={position} move={setPosition} marks={marks} beside />
      <aside className="curationside">
        <div className="tools">
          <select aria-label="Order" value={order} onChange={(event) => setOrder(event.target.value as Order)}>
            {column ? <option value="best">best first</option> : null}
            {column ? <option value="worst">worst first</option> : null}
            <option value="set">as in the set</option>
          </select>
          {(summary?.columns.length ?? 0) > 0 ? (
            <select aria-label="Score" value={column} onChange={(event) => setColumn(event.target.value)}>
              <option value="">no score</option>
              {summary!.columns.map((label) => <option key={label} value={label}>by {label}</option>)}
            </select>
          ) : null}
          <select aria-label="Which picks" value={show} onChange={(event) => setShow(event.target.value as Show)}>
            <option value="all">all picks</option>
            <option value="open">still open</option>
            <option value="accepted">accepted</option>
            <option value="rejected">rejected</option>
            <option value="added">added by hand</option>
          </select>
          <Slider label="Diameter" value={diameter} low={20} high={1000} step={10} change={setDiameter} shown={`${diameter} Å`} />
        </div>
        {ready ? <Gallery place={place} picks={picks} order={list} selected={selected} edge={edge} thickness={Math.max(1, Math.round(diameter / 4 / voxel))} select={select} /> : <p className="dim">Reading the picks …</p>}
        {base.error ? <Refusal error={base.error} /> : null}
        {mayEdit ? (
          <div className="row decide">
            <button onClick={() => decide("accept", false)}>Accept</button>
            <button onClick={() => decide("reject", false)}>Reject</button>
            <button disabled={selected === null} onClick={() => decide("accept", true)}>Accept the rest</button>
            <button disabled={selected === null} onClick={() => decide("reject", true)}>Reject the rest</button>
            <button onClick={add}>Add at the cross</button>
            <button disabled={selected === null} onClick={move}>Move to the cross</button>
            <button disabled={editing.curated.undoable === 0} onClick={undo}>Undo</button>
            <button disabled={editing.curated.redoable === 0} onClick={redo}>Redo</button>
          </div>
        ) : null}
        {mayEdit ? <KeyHelp group={group} /> : null}
      </aside>
    </div>
  );
}

const gone = (pick: Pick | undefined) => pick === undefined || (pick.added && pick.decision === "rejected");

function marksOf(picks: Map<number, Pick>, selected: number | null, radius: number): Marks {
  const shown = [...picks.values()].filter((pick) => !gone(pick));
  const places = new Float32Array(3 * shown.length);
  const tint = new Uint8Array(shown.length);
  const oriented = shown.some((pick) => pick.axis);
  const axis = oriented ? new Float32Array(3 * shown.length) : null;
  shown.forEach((pick, k) => {
    places.set(pick.voxel, 3 * k);
    if (axis && pick.axis) axis.set(pick.axis, 3 * k);
    tint[k] = pick.decision === "accepted" ? 1 : pick.decision === "rejected" ? 2 : pick.added ? 3 : 0;
  });
  return { places, axis, radius, tint, selected: shown.findIndex((pick) => pick.particle === selected) };
}
