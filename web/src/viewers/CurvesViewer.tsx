// Curves: one plot per unit, over the common abscissa; two results are overlaid.
import { useMemo } from "react";
import { get } from "../api/client";
import type { Curves } from "../api/types";
import { useLoad } from "../app/load";
import { api, placeText, type ObjectPlace } from "../app/objects";
import { number } from "../app/words";
import { Refusal } from "../parts/Note";
import { Plot, type Series } from "../parts/Plot";
import { DriftViewer, tracks } from "./DriftViewer";

type Column = Curves["columns"][number];

function useCurves(places: ObjectPlace[]) {
  const key = places.map(placeText).join(" ");
  return useLoad(key, () => Promise.all(places.map((place) => get<Curves>(api(place, "document")))));
}

/** Values of a column at the abscissae of another table. */
function onto(xs: (number | null)[], table: Curves, column: Column): (number | null)[] {
  const own = table.columns[0]!.values;
  const at = new Map(own.map((x, k) => [x, column.values[k] ?? null]));
  return xs.map((x) => at.get(x) ?? null);
}

/** Ratio of the largest values beyond which lines are shown apart. */
const APART = 30;

interface Group { unit: string; label: string; series: Series[] }

function groups(tables: Curves[], xs: (number | null)[], names: string[]): Group[] {
  const found = new Map<string, Group>();
  tables.forEach((table, k) => {
    for (const column of table.columns.slice(1)) {
      // Pure numbers of different size have nothing to do with each other, unless they are correlations.
      const values = column.values.filter((value): value is number => value !== null);
      const small = values.every((value) => value >= -1.001 && value <= 1.001);
      const key = column.unit || (small ? "share" : column.label);
      const label = column.unit || (small ? "" : column.label);
      const group = found.get(key) ?? { unit: column.unit, label, series: [] };
      const name = tables.length > 1 ? `${column.label} (${names[k]})` : column.label;
      group.series.push({ label: name, values: onto(xs, table, column), dashed: k > 0 });
      found.set(key, group);
    }
  });
  return [...found.values()].flatMap(bySize);
}

/** Lines of one unit that are too different in size to be read off one axis go into plots of their own. */
function bySize(group: Group): Group[] {
  const size = (series: Series) => Math.max(0, ...series.values.map((value) => Math.abs(value ?? 0)));
  const sorted = [...group.series].sort((a, b) => size(b) - size(a));
  const parts: Series[][] = [];
  for (const series of sorted) {
    const last = parts[parts.length - 1];
    // What is nothing but zeros goes with the smallest.
    if (last && (size(series) === 0 || size(last[0]!) <= APART * size(series))) last.push(series);
    else parts.push([series]);
  }
  return parts.map((part) => ({ ...group, series: group.series.filter((series) => part.includes(series)) }));
}

export function CurvesViewer({ places }: { places: ObjectPlace[] }) {
  const loaded = useCurves(places);
  const names = places.map((place) => `job ${place.job}`);
  const tables = loaded.value;
  const view = useMemo(() => {
    const first = tables?.find((table) => table.columns.length > 1);
    if (!tables || !first) return null;
    const whole = new Set(tables.flatMap((table) => table.columns[0]?.values ?? []));
    const xs = [...whole].filter((x) => x !== null).sort((a, b) => a! - b!);
    return { xs, abscissa: first.columns[0]!, groups: groups(tables.filter((table) => table.columns.length > 1), xs, names) };
  }, [tables]);
  if (loaded.error) return <Refusal error={loaded.error} />;
  if (!tables) return <p className="dim">Reading …</p>;
  const inverse = view?.abscissa.unit === "1/Å";
  const label = view ? (inverse ? "resolution (Å)" : `${view.abscissa.label}${view.abscissa.unit ? ` (${view.abscissa.unit})` : ""}`) : "";
  const ways = tables.length === 1 ? tracks(tables[0]!) : [];
  if (ways.length > 0) {
    return (
      <div className="curves">
        <p className="lead">{tables[0]!.title}</p>
        <Facts tables={tables} names={names} />
        <DriftViewer table={tables[0]!} all={ways} />
      </div>
    );
  }
  const isFsc = (series: Series[]) => inverse && series.every((one) => one.values.every((value) => value === null || Math.abs(value) <= 1.001));
  return (
    <div className="curves">
      {tables.map((table, k) => (
        <p key={k} className="lead">{table.title}{tables.length > 1 ? ` · ${names[k]}` : ""}</p>
      ))}
      <Facts tables={tables} names={names} />
      {view?.groups.map((group) => (
        <Plot
          key={group.unit + group.label + group.series[0]!.label}
          x={view.xs}
          xLabel={label}
          yLabel={group.unit ? (group.series.length === 1 ? `${group.series[0]!.label} (${group.unit})` : group.unit) : group.label}
          series={group.series}
          inverse={inverse}
          height={view.groups.length === 1 ? 420 : 240}
          marks={isFsc(group.series) ? [0.143, 0.5] : undefined}
        />
      ))}
    </div>
  );
}

function Facts({ tables, names }: { tables: Curves[]; names: string[] }) {
  const keys = [...new Set(tables.flatMap((table) => Object.keys(table.facts)))];
  if (keys.length === 0) return null;
  return (
    <div className="scroll">
      <table className="numbers">
        {tables.length > 1 ? <thead><tr><th />{names.map((name, k) => <th key={k} className="num">{name}</th>)}</tr></thead> : null}
        <tbody>
          {keys.map((key) => (
            <tr key={key}>
              <td>{key}</td>
              {tables.map((table, k) => <td key={k} className="num">{table.facts[key] === undefined ? "" : number(table.facts[key]!)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
