// Picks as small pictures, page by page, to be accepted or rejected with a key each.
import { useEffect, useRef } from "react";
import { packed, type Packed } from "../api/client";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { number } from "../app/words";
import { draw, extent } from "../viewers/draw";
import type { Pick } from "./picks";

/** Pictures of a page. */
export const PAGE = 48;

interface Props {
  place: ObjectPlace;
  picks: Map<number, Pick>;
  order: number[];
  selected: number | null;
  /** Voxels of a picture and of the slab it averages. */
  edge: number;
  thickness: number;
  select: (particle: number) => void;
}

const key = (place: ObjectPlace, shown: Pick[], edge: number, thickness: number) => {
  const at = shown.map((pick) => pick.voxel.map(Math.round).join(".")).join("_");
  return at ? api(place, `crops?${new URLSearchParams({ at, edge: String(edge), thickness: String(thickness) })}`) : null;
};

export function Gallery({ place, picks, order, selected, edge, thickness, select }: Props) {
  const at = Math.max(0, selected === null ? 0 : order.indexOf(selected));
  const page = Math.floor(at / PAGE);
  const on = (which: number) => order.slice(which * PAGE, (which + 1) * PAGE).flatMap((one) => picks.get(one) ?? []);
  const shown = on(page);
  const asked = key(place, shown, edge, thickness);
  const images = useLoad(asked, async (path) => ({ path, stack: await packed(path) }));
  const next = key(place, on(page + 1), edge, thickness);
  // The next page is asked for while one looks at this one; the browser keeps it.
  useEffect(() => {
    if (images.value?.path === asked && next) void packed(next).catch(() => null);
  }, [images.value?.path, asked, next]);
  const known = images.value?.path === asked ? images.value.stack : null;
  const window = known ? extent(known) : null;
  return (
    <div className="gallerybox">
      <div className="picks" role="listbox" aria-label="Picks" aria-activedescendant={selected === null ? undefined : `pick-${selected}`}>
        {shown.map((pick, k) => (
          <button
            key={pick.particle}
            id={`pick-${pick.particle}`}
            role="option"
            tabIndex={-1}
            aria-selected={pick.particle === selected}
            className={`pick ${pick.decision ?? "open"}`}
            onClick={() => select(pick.particle)}
            aria-label={`Pick ${pick.particle + 1}, ${pick.decision ?? "open"}`}
          >
            <Crop stack={known} k={k} window={window} />
            <span className="pickline">
              <span className="num">{pick.added ? "added" : Number.isNaN(pick.score) ? pick.particle + 1 : number(pick.score)}</span>
              <span aria-hidden="true">{pick.decision === "accepted" ? "✓" : pick.decision === "rejected" ? "✕" : ""}</span>
            </span>
          </button>
        ))}
      </div>
      <p className="dim small num">
        {order.length === 0 ? "Nothing to show." : `${at + 1} of ${order.length.toLocaleString("en")} · page ${page + 1} of ${Math.ceil(order.length / PAGE)}`}
      </p>
    </div>
  );
}

function Crop({ stack, k, window }: { stack: Packed | null; k: number; window: { low: number; high: number } | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current || !stack || !window || k >= stack.nz) return;
    const area = stack.nx * stack.ny;
    draw(canvas.current, { ...stack, nz: 1, data: stack.data.subarray(k * area, (k + 1) * area) }, window);
  }, [stack, k]);
  return <canvas ref={canvas} aria-hidden="true" />;
}
