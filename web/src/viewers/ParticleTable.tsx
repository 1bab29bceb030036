// Particles row by row: read page by page as one scrolls, and forgotten when far away.
import { useEffect, useRef, useState } from "react";
import { get } from "../api/client";
import type { ParticleRows, ParticlesSummary } from "../api/types";
import { api, type ObjectPlace } from "../app/objects";
import { useRows } from "../parts/window";

const HEIGHT = 29;
const PAGE = 200;
/** Pages that are kept. */
const KEPT = 30;

interface Props { place: ObjectPlace; series: number; count: number; summary: ParticlesSummary }

/** The pages that were read, and a reader of those that are wanted: the last wanted first. */
function usePages(place: ObjectPlace, series: number, first: number, last: number): Map<number, ParticleRows> {
  const [pages, setPages] = useState<Map<number, ParticleRows>>(new Map());
  const wanted = useRef<number[]>([]);
  const busy = useRef(false);
  const have = useRef(pages);
  have.current = pages;
  const [from, to] = [Math.floor(first / PAGE), Math.floor(Math.max(first, last - 1) / PAGE)];
  useEffect(() => {
    wanted.current = [];
    for (let page = from; page <= to; page += 1) wanted.current.push(page);
    if (busy.current) return;
    busy.current = true;
    const read = async () => {
      for (;;) {
        const page = wanted.current.find((one) => !have.current.has(one));
        if (page === undefined) break;
        const query = new URLSearchParams({ from: String(page * PAGE), limit: String(PAGE), series: String(series) });
        try {
          const rows = await get<ParticleRows>(api(place, `particles/rows?${query}`));
          const next = new Map(have.current).set(page, rows);
          for (const old of next.keys()) if (next.size > KEPT && !wanted.current.includes(old)) next.delete(old);
          have.current = next;
          setPages(next);
        } catch {
          break;
        }
      }
      busy.current = false;
    };
    void read();
  }, [from, to, place.job, place.slot, place.item, series]);
  return pages;
}

export function ParticleTable({ place, series, count, summary }: Props) {
  const { box, first, last, above, below } = useRows(count, HEIGHT);
  const pages = usePages(place, series, first, last);
  const classes = summary.classes.length > 0;
  const columns = 4 + Number(summary.halves) + Number(classes);
  const row = (index: number) => {
    const page = pages.get(Math.floor(index / PAGE));
    const k = index % PAGE;
    const known = page !== undefined && k < page.row.length;
    const at = known ? page.position[k]! : null;
    return (
      <tr key={index} data-row={known ? index : undefined} data-last={known && index === count - 1 ? "" : undefined}>
        <td className="one">{known ? page.name[k] || page.row[k]! + 1 : "…"}</td>
        {[0, 1, 2].map((axis) => <td key={axis} className="num">{at ? at[axis]!.toFixed(1) : ""}</td>)}
        {summary.halves ? <td className="num">{known ? page.half[k] : ""}</td> : null}
        {classes ? <td className="num">{known ? page.class[k] : ""}</td> : null}
      </tr>
    );
  };
  return (
    <div className="rowtable" ref={box} tabIndex={0} aria-label="Particles row by row">
      <table aria-rowcount={count}>
        <thead>
          <tr>
            <th>Particle</th><th className="num">x (Å)</th><th className="num">y (Å)</th><th className="num">z (Å)</th>
            {summary.halves ? <th className="num">half</th> : null}
            {classes ? <th className="num">class</th> : null}
          </tr>
        </thead>
        <tbody>
          {above > 0 ? <tr className="gap" aria-hidden="true"><td colSpan={columns} style={{ height: above }} /></tr> : null}
          {Array.from({ length: last - first }, (_, k) => row(first + k))}
          {below > 0 ? <tr className="gap" aria-hidden="true"><td colSpan={columns} style={{ height: below }} /></tr> : null}
        </tbody>
      </table>
    </div>
  );
}
