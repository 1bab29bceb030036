// Curves over a common abscissa.
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { colour, useTheme } from "../app/theme";
import { fixed, number } from "../app/words";

export interface Series {
  label: string;
  values: (number | null)[];
  /** Points without a line. */
  points?: boolean;
  dashed?: boolean;
}

interface Props {
  x: (number | null)[];
  xLabel: string;
  yLabel: string;
  series: Series[];
  height?: number;
  /** Ticks of the abscissa are shown as 1/x, for spatial frequencies. */
  inverse?: boolean;
  /** Horizontal lines. */
  marks?: number[];
  /** The abscissa counts: ticks at whole numbers. */
  counts?: boolean;
  /** Neither names of the axes nor a legend: they stand above. */
  bare?: boolean;
  /** The least that the ordinate spans, so that noise of nothing does not fill the plot. */
  span?: number;
}

const COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6"];
const MOST_IN_LEGEND = 12;

function abscissa(value: number | null, inverse: boolean): string {
  if (value === null || value === undefined) return "–";
  if (!inverse) return number(value);
  return value > 0 ? number(Number((1 / value).toPrecision(3))) : "∞";
}

/** The range of the ordinate, with some room. */
function ordinate(low: number | null, high: number | null, span: number): [number, number] {
  if (low === null || high === null) return [0, 1];
  const middle = (low + high) / 2;
  const half = Math.max(high - low, span, Math.abs(middle) * 1e-9, 1e-12) * 0.55;
  return [middle - half, middle + half];
}

/** A tick with as many decimals as the steps need. */
function tickText(tick: number, step: number): string {
  const size = Math.max(Math.abs(tick), step);
  if (size >= 1e6 || size < 1e-4) return tick === 0 ? "0" : tick.toExponential(1);
  const scaled = (decimals: number) => step * 10 ** decimals;
  let decimals = 0;
  while (decimals < 6 && Math.abs(scaled(decimals) - Math.round(scaled(decimals))) > 1e-6 * scaled(decimals)) decimals += 1;
  return fixed(tick, decimals);
}

function options(props: Props, width: number): uPlot.Options {
  const many = props.series.length > MOST_IN_LEGEND;
  const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
  const inverse = (_: uPlot, ticks: number[]) => ticks.map((tick) => (tick > 0 ? number(Number((1 / tick).toPrecision(3))) : "∞"));
  const series = props.series.map((one, k) => ({
    label: one.label,
    stroke: colour(many ? "c1" : (COLOURS[k % COLOURS.length] as string)),
    width: many ? 0.6 : 1.6,
    dash: one.dashed ? [5, 4] : undefined,
    paths: one.points ? () => null : undefined,
    points: { show: one.points ?? (one.values.length < 80 && !many), size: 5 },
    value: (_: uPlot, value: number | null) => (value === null ? "–" : number(value)),
  }));
  const marks = (plot: uPlot) => {
    for (const mark of props.marks ?? []) {
      const y = Math.round(plot.valToPos(mark, "y", true)) + 0.5;
      plot.ctx.save();
      plot.ctx.strokeStyle = colour("dim");
      plot.ctx.setLineDash([2, 4]);
      plot.ctx.beginPath();
      plot.ctx.moveTo(plot.bbox.left, y);
      plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
      plot.ctx.stroke();
      plot.ctx.restore();
    }
  };
  return {
    width,
    height: props.height ?? 240,
    legend: { show: !many && !props.bare },
    cursor: { y: false, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: { range: (_, low, high) => ordinate(low, high, props.span ?? 0) } },
    axes: [
      { ...axis, ...(props.bare ? {} : { label: props.xLabel, labelSize: 20 }), ...(props.counts ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] } : {}), values: props.inverse ? inverse : undefined },
      { ...axis, ...(props.bare ? {} : { label: props.yLabel, labelSize: 20 }), size: 64, values: (_: uPlot, ticks: number[], __: number, ___: number, step: number) => ticks.map((tick) => tickText(tick, step)) },
    ],
    hooks: { draw: [marks] },
    series: [{ label: props.xLabel, value: (_: uPlot, value: number | null) => abscissa(value, props.inverse ?? false) }, ...series],
  };
}

export function Plot(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    // uPlot wants the abscissa ascending and without gaps.
    const order = props.x.map((_, k) => k).filter((k) => props.x[k] !== null).sort((a, b) => props.x[a]! - props.x[b]!);
    const data = [props.x, ...props.series.map((one) => one.values)].map((column) => order.map((k) => column[k] ?? null));
    const plot = new uPlot(options(props, element.clientWidth), data as uPlot.AlignedData, element);
    const fit = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: props.height ?? 240 }));
    fit.observe(element);
    return () => {
      fit.disconnect();
      plot.destroy();
    };
  }, [props.x, props.series, props.height, props.inverse, props.span, theme]);
  return <div className="plot" ref={place} />;
}
