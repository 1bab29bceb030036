// A result, shown as its kind wants to be seen.
import { Suspense, lazy } from "react";
import { blob, get } from "../api/client";
import type { Detail } from "../api/types";
import { useLoad } from "../app/load";
import { KINDS, api, placeText, type ObjectPlace } from "../app/objects";
import { address, go } from "../app/route";
import { useJob, useProject } from "../app/store";
import { operationName, words } from "../app/words";
import { NextJobs } from "../parts/NextJobs";
import { Note, Refusal } from "../parts/Note";
import { save } from "../parts/save";
import { CurvesViewer } from "../viewers/CurvesViewer";
import { PictureViewer } from "../viewers/PictureViewer";
import { TiltSeriesViewer } from "../viewers/TiltSeriesViewer";
import { VolumeViewer } from "../viewers/VolumeViewer";

const ParticlesViewer = lazy(() => import("../viewers/ParticlesViewer"));

export function Viewer({ place, kind }: { place: ObjectPlace; kind: string }) {
  switch (kind) {
    case "curves": return <CurvesViewer places={[place]} />;
    case "picture": return <PictureViewer place={place} />;
    case "tilt-series": return <TiltSeriesViewer key={placeText(place)} place={place} />;
    case "map":
    case "mask":
    case "tomogram": return <VolumeViewer key={placeText(place)} place={place} kind={kind} />;
    case "particles": return <Suspense><ParticlesViewer key={placeText(place)} place={place} /></Suspense>;
    default: return <Note tone="plain">The page cannot show this; its files can be saved.</Note>;
  }
}

const saveFile = async (place: ObjectPlace, index: number, name: string) => save(await blob(api(place, `files/${index}`)), name);

/** Results that are offered to compare with, the newest ones. */
const MOST = 100;

/** Other results of the same kind, to compare with. */
function useOthers(kind: string, place: ObjectPlace) {
  const { jobs } = useProject();
  return [...jobs].reverse().flatMap((job) =>
    job.outputs
      .filter((output) => output.kind === kind && output.items > 0 && !(output.slot === place.slot && job.job === place.job && output.items === 1))
      .map((output) => ({ job, slot: output.slot, items: output.items })),
  ).slice(0, MOST);
}

export function ObjectPage(place: ObjectPlace) {
  const job = useJob(place.job);
  const detail = useLoad(job ? `/api/jobs/${place.job}` : null, (key) => get<Detail>(key));
  const output = job?.outputs.find((one) => one.slot === place.slot);
  const kind = output?.kind ?? "";
  const others = useOthers(kind, place);
  if (!job || !output) return <section className="page"><Note tone="plain">There is no such result.</Note></section>;
  const items = detail.value?.outputs[place.slot] ?? [];
  const item = items[place.item];
  const turn = (to: number) => go(["view", place.job, place.slot, to]);
  const compare = (text: string) => {
    const [number, slot, count] = text.split(".");
    const same = Number(count) > place.item && !(Number(number) === place.job && slot === place.slot) ? place.item : place.item === 0 && Number(count) > 1 ? 1 : 0;
    go(["compare", placeText(place), `${number}.${slot}.${same}`]);
  };
  return (
    <section className="page wide view">
      <header className="viewhead">
        <div>
          <span className="dim">
            <a href={address(["job", job.job])}>Job {job.job}, {operationName(job.operation)}</a> · {words(place.slot)}
          </span>
          <h1>{item ? item.name.replace(/_/g, " ") : "…"}</h1>
        </div>
        <div className="row">
          {items.length > 1 ? (
            <span className="row tight">
              <button disabled={place.item <= 0} onClick={() => turn(place.item - 1)} aria-label="Previous">‹</button>
              <select aria-label="Item" value={place.item} onChange={(event) => turn(Number(event.target.value))}>
                {items.map((one, k) => <option key={one.name} value={k}>{one.name}</option>)}
              </select>
              <button disabled={place.item >= items.length - 1} onClick={() => turn(place.item + 1)} aria-label="Next">›</button>
            </span>
          ) : null}
          {others.length > 0 ? (
            <select aria-label="Compare with" value="" onChange={(event) => compare(event.target.value)}>
              <option value="">Compare with …</option>
              {others.map((one) => (
                <option key={`${one.job.job}${one.slot}`} value={`${one.job.job}.${one.slot}.${one.items}`}>
                  Job {one.job.job}, {operationName(one.job.operation)}: {words(one.slot).toLowerCase()}
                </option>
              ))}
            </select>
          ) : null}
          <NextJobs job={place.job} slot={place.slot} kind={kind} />
          {item ? (
            <details className="menu">
              <summary className="button small">Save</summary>
              <div className="menulist">
                {item.files.map((file, k) => <button key={file} className="quiet" onClick={() => void saveFile(place, k, file)}>{file}</button>)}
              </div>
            </details>
          ) : null}
        </div>
      </header>
      {detail.error ? <Refusal error={detail.error} /> : null}
      {item ? <Viewer place={place} kind={kind} /> : detail.value ? <Note tone="plain">There is no such {KINDS[kind]?.[0] ?? "result"}.</Note> : null}
    </section>
  );
}
