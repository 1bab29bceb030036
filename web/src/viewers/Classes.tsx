// The classes of a particle set, with their averages where the job made some, to make a subset of some. Which job can do
// that, the catalogue says.
import { useEffect, useMemo, useRef, useState } from "react";
import { get, packed, type Packed } from "../api/client";
import type { Detail } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { address, go } from "../app/route";
import { useProject } from "../app/store";
import { usePicker } from "./ExcludeViews";
import { draw, extent } from "./draw";

/** Pixels of an average in the gallery. */
const SIZE = 128;

/** The averages of classes by number: sections of a stack, or middles of maps; and where each can be looked at. */
interface Averages { image: Map<number, Packed>; link: Map<number, string> }

function section(stack: Packed, k: number): Packed {
  const area = stack.nx * stack.ny;
  return { ...stack, nz: 1, data: stack.data.subarray(k * area, (k + 1) * area) };
}

async function averages(place: ObjectPlace, classes: number): Promise<Averages> {
  const detail = await get<Detail>(`/api/jobs/${place.job}`);
  const found: Averages = { image: new Map(), link: new Map() };
  const outputs = detail.summary.outputs.map((output) => ({ ...output, list: detail.outputs[output.slot] ?? [] }));
  const maps = outputs.find((one) => one.kind === "map" && one.list.length >= 2 && one.list.length >= classes);
  if (maps) {
    const read = maps.list.map(async (item, k) => {
      const number = Number(/(\d+)\D*$/.exec(item.name)?.[1] ?? k + 1);
      found.link.set(number, address(["view", place.job, maps.slot, k]));
      found.image.set(number, await packed(api({ job: place.job, slot: maps.slot, item: k }, `slice?axis=z&thickness=3&size=${SIZE}`)));
    });
    await Promise.all(read);
    return found;
  }
  const stack = outputs.find((one) => one.kind === "files" && one.list.some((item) => item.files.some((file) => file.endsWith(".mrcs"))));
  if (!stack) return found;
  const all = await packed(api({ job: place.job, slot: stack.slot, item: 0 }, `stack?size=${SIZE}`));
  for (let k = 0; k < all.nz; k += 1) found.image.set(k + 1, section(all, k));
  return found;
}

interface Props { place: ObjectPlace; classes: [number, number][]; total: number }

export function Classes({ place, classes, total }: Props) {
  const { project } = useProject();
  const picker = usePicker("classes", "particles");
  const [chosen, setChosen] = useState<number[]>([]);
  const known = useLoad(classes.length < 2 ? null : `${place.job}`, () => averages(place, classes.length));
  const sorted = useMemo(() => [...classes].sort((a, b) => b[1] - a[1]), [classes]);
  if (classes.length < 2) return null;
  const turn = (one: number) => setChosen((old) => (old.includes(one) ? old.filter((other) => other !== one) : [...old, one]));
  const make = () => {
    if (!picker) return;
    const name = `p.${picker.parameter.path.join(".")}`;
    go(["new", picker.detail.operation.id], { from: `${place.job}.${place.slot}`, [name]: [...chosen].sort((a, b) => a - b).join(", ") });
  };
  const held = sorted.filter(([one]) => chosen.includes(one)).reduce((sum, [, count]) => sum + count, 0);
  return (
    <section>
      <h2>Classes</h2>
      <div className="classes">
        {sorted.map(([one, count]) => {
          const image = known.value?.image.get(one);
          const link = known.value?.link.get(one);
          return (
            <div key={one} className="class">
              <button aria-pressed={chosen.includes(one)} onClick={() => turn(one)} aria-label={`Class ${one}, ${count} particles`}>
                {image ? <Average image={image} /> : null}
                <span className="classline">
                  <strong>{one}</strong>
                  <span className="dim num">{count.toLocaleString("en")} · {Math.round((100 * count) / Math.max(1, total))} %</span>
                </span>
              </button>
              {link ? <a className="small" href={link}>look at the map</a> : null}
            </div>
          );
        })}
      </div>
      {picker && project?.role !== "viewer" ? (
        <p className="row">
          <button className="primary" disabled={chosen.length === 0} onClick={make}>Make a subset of these classes</button>
          {chosen.length > 0 ? <span className="dim num">{chosen.length} chosen, {held.toLocaleString("en")} particles</span> : <span className="dim">Choose one or more.</span>}
        </p>
      ) : null}
    </section>
  );
}

function Average({ image }: { image: Packed }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, image, extent(image));
  }, [image]);
  return <canvas ref={canvas} aria-hidden="true" />;
}
