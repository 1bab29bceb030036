// The classes of a particle set, to make a subset of some. Which job can do that, the catalogue says.
import { useState } from "react";
import type { Particles } from "../api/types";
import type { ObjectPlace } from "../app/objects";
import { go } from "../app/route";
import { useProject } from "../app/store";
import { usePicker } from "./ExcludeViews";

export function Classes({ place, particles }: { place: ObjectPlace; particles: Particles }) {
  const { project } = useProject();
  const picker = usePicker("classes", "particles");
  const [chosen, setChosen] = useState<number[]>([]);
  const counts = new Map<number, number>();
  particles.class.forEach((one) => counts.set(one, (counts.get(one) ?? 0) + 1));
  if (counts.size < 2) return null;
  const turn = (one: number) => setChosen((old) => (old.includes(one) ? old.filter((other) => other !== one) : [...old, one]));
  const make = () => {
    if (!picker) return;
    const name = `p.${picker.parameter.path.join(".")}`;
    go(["new", picker.detail.operation.id], { from: `${place.job}.${place.slot}`, [name]: [...chosen].sort((a, b) => a - b).join(", ") });
  };
  return (
    <section>
      <h2>Classes</h2>
      <div className="classes">
        {[...counts].sort((a, b) => b[1] - a[1]).map(([one, count]) => (
          <button key={one} aria-pressed={chosen.includes(one)} onClick={() => turn(one)}>
            <strong>{one}</strong>
            <span className="dim num">{count} · {Math.round((100 * count) / particles.class.length)} %</span>
          </button>
        ))}
      </div>
      {picker && project?.role !== "viewer" ? <button className="primary" disabled={chosen.length === 0} onClick={make}>Make a subset of these</button> : null}
    </section>
  );
}
