// Two results of the same kind: overlaid where they are curves, side by side where they are images.
import { useState } from "react";
import { placeOf, type ObjectPlace } from "../app/objects";
import { address } from "../app/route";
import { useProject } from "../app/store";
import { operationName, words } from "../app/words";
import { Note } from "../parts/Note";
import { CurvesViewer } from "../viewers/CurvesViewer";
import { PictureViewer } from "../viewers/PictureViewer";
import { SeriesPlots } from "../viewers/SeriesPlots";
import { Difference } from "../viewers/Difference";
import type { Position } from "../viewers/Plane";
import { VolumeViewer } from "../viewers/VolumeViewer";

function Name({ place }: { place: ObjectPlace }) {
  const { jobs } = useProject();
  const job = jobs.find((one) => one.job === place.job);
  return (
    <h2>
      <a href={address(["view", place.job, place.slot, place.item])}>
        Job {place.job}, {job ? operationName(job.operation) : ""}: {words(place.slot).toLowerCase()}{place.item > 0 ? `, item ${place.item + 1}` : ""}
      </a>
    </h2>
  );
}

export function ComparePage({ first, second }: { first: string; second: string }) {
  const { jobs } = useProject();
  const [position, setPosition] = useState<Position | null>(null);
  const [difference, setDifference] = useState(false);
  const places = [placeOf(first), placeOf(second)];
  const kinds = places.map((place) => jobs.find((job) => job.job === place?.job)?.outputs.find((output) => output.slot === place?.slot)?.kind);
  const [a, b] = places;
  if (!a || !b || !kinds[0] || kinds[0] !== kinds[1]) {
    return <section className="page"><Note tone="plain">There are no two results of the same kind to compare.</Note></section>;
  }
  const kind = kinds[0];
  return (
    <section className="page wide view">
      <div className="row spread">
        <h1>Compare</h1>
        {["map", "mask", "tomogram"].includes(kind) ? (
          <button aria-pressed={difference} onClick={() => setDifference(!difference)}>Difference</button>
        ) : null}
      </div>
      {kind === "curves" ? <><Name place={a} /><Name place={b} /><CurvesViewer places={[a, b]} /></> : null}
      {kind === "tilt-series" ? <><Name place={a} /><Name place={b} /><SeriesPlots places={[a, b]} /></> : null}
      {difference && kind !== "picture" ? (
        <>
          <Name place={a} />
          <p className="dim">minus</p>
          <Name place={b} />
          <Difference first={a} second={b} position={position} move={setPosition} />
        </>
      ) : null}
      {["map", "mask", "tomogram", "picture"].includes(kind) && !difference ? (
        <div className="pair">
          {[a, b].map((place, k) => (
            <div key={k}>
              <Name place={place} />
              {kind === "picture" ? <PictureViewer place={place} /> : <VolumeViewer place={place} kind={kind} position={position} move={setPosition} narrow />}
            </div>
          ))}
        </div>
      ) : null}
      {kind === "particles" ? <Note tone="plain">Particle sets are compared by the job “Compare”, which finds their common frame first.</Note> : null}
    </section>
  );
}
