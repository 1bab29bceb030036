// What is known of the views of a tilt series, against tilt: contrast transfer and alignment.
import { useMemo } from "react";
import { get } from "../api/client";
import type { TiltImage, TiltSeries } from "../api/types";
import { useLoad } from "../app/load";
import { api, placeText, type ObjectPlace } from "../app/objects";
import { degrees } from "../app/words";
import { Refusal } from "../parts/Note";
import { Plot, type Series } from "../parts/Plot";

interface Quantity { title: string; unit: string; span?: number; lines: [string, (image: TiltImage, series: TiltSeries) => number | null][] }

const GROUPS: { heading: string; quantities: Quantity[] }[] = [
  {
    heading: "Contrast transfer",
    quantities: [
      {
        title: "defocus",
        unit: "µm",
        lines: [
          ["defocus u", (image) => (image.ctf ? image.ctf.defocus_u / 1e4 : null)],
          ["defocus v", (image) => (image.ctf ? image.ctf.defocus_v / 1e4 : null)],
        ],
      },
      { title: "astigmatism", unit: "Å", lines: [["astigmatism", (image) => (image.ctf ? image.ctf.defocus_u - image.ctf.defocus_v : null)]] },
    ],
  },
  {
    heading: "Alignment",
    quantities: [
      {
        title: "shift",
        unit: "Å",
        lines: [
          ["x", (image) => image.geometry?.shift[0] ?? null],
          ["y", (image) => image.geometry?.shift[1] ?? null],
        ],
      },
      { title: "tilt − nominal tilt", unit: "°", span: 0.1, lines: [["tilt − nominal", (image) => (image.geometry ? degrees(image.geometry.tilt_angle - image.nominal_tilt_angle) : null)]] },
      { title: "direction of the tilt axis", unit: "°", span: 0.5, lines: [["tilt axis", (image) => (image.geometry ? degrees(image.geometry.tilt_axis_angle) : null)]] },
    ],
  },
];

export function SeriesPlots({ places, loaded }: { places: ObjectPlace[]; loaded?: TiltSeries }) {
  const key = loaded ? null : places.map(placeText).join(" ");
  const all = useLoad(key, () => Promise.all(places.map((place) => get<TiltSeries>(api(place, "document")))));
  const series = loaded ? [loaded] : all.value;
  const plots = useMemo(() => (series ? made(series, places) : []), [all.value, loaded]);
  const exposure = useLoad(places.length === 1 ? api(places[0]!, "exposure") : null, (key) => get<ExposureWeights>(key));
  const weights = useMemo(() => (series && exposure.value && places.length === 1 ? exposed(series[0]!, exposure.value) : null), [series?.[0], exposure.value]);
  if (all.error && !loaded) return <Refusal error={all.error} />;
  return (
    <>
      {plots.map((group) => (
        <section key={group.heading}>
          <h2>{group.heading}</h2>
          <div className="plots">
            {group.plots.map((plot) => (
              <Plot key={plot.title} x={plot.x} xLabel="tilt (°)" yLabel={`${plot.title} (${plot.unit})`} series={plot.series} span={plot.span} />
            ))}
          </div>
        </section>
      ))}
      {weights ? (
        <section>
          <h2>Exposure</h2>
          <div className="plots">
            <Plot x={weights.x} xLabel="tilt (°)" yLabel="dose before the view (e⁻/Å²)" series={weights.dose} span={1} />
            <Plot x={weights.x} xLabel="tilt (°)" yLabel="share of the signal left" series={weights.left} span={0.2} />
          </div>
          <p className="dim small">By Grant &amp; Grigorieff (2015) at {exposure.value!.voltage} kV: what weighting by exposure starts from.</p>
        </section>
      ) : null}
    </>
  );
}

interface ExposureWeights { periods: number[]; views: number[][]; voltage: number }

/** Dose and weights of the views in use, from the lowest tilt to the highest. */
function exposed(series: TiltSeries, { periods, views }: ExposureWeights) {
  const used = series.images.map((image, k) => ({ image, k })).filter(({ image }) => !image.exclusion).sort((a, b) => a.image.nominal_tilt_angle - b.image.nominal_tilt_angle);
  if (!used.some(({ image }) => image.dose_before > 0)) return null;
  return {
    x: used.map(({ image }) => Number(degrees(image.nominal_tilt_angle).toFixed(2))),
    dose: [{ label: "dose", values: used.map(({ image }) => image.dose_before) }],
    left: periods.map((period, p) => ({ label: `at ${period} Å`, values: used.map(({ k }) => views[k]?.[p] ?? null) })),
  };
}

/** Excluded views are left out; views of several series are matched by their nominal tilt. */
function made(all: TiltSeries[], places: ObjectPlace[]) {
  const tilt = (image: TiltImage) => Number(degrees(image.nominal_tilt_angle).toFixed(2));
  const used = all.map((series) => series.images.filter((image) => !image.exclusion));
  const x = [...new Set(used.flatMap((images) => images.map(tilt)))].sort((a, b) => a - b);
  const column = (images: TiltImage[], series: TiltSeries, value: Quantity["lines"][number][1]) => {
    const at = new Map(images.map((image) => [tilt(image), value(image, series)]));
    return x.map((one) => at.get(one) ?? null);
  };
  return GROUPS.map(({ heading, quantities }) => ({
    heading,
    plots: quantities
      .map((quantity) => ({
        ...quantity,
        x,
        series: all.flatMap((series, k) =>
          quantity.lines.map(([label, value]): Series => ({
            label: all.length > 1 ? `${label} (job ${places[k]!.job})` : label,
            values: column(used[k]!, series, value),
            dashed: k > 0,
          })),
        ),
      }))
      .filter((plot) => plot.series.some((one) => one.values.some((value) => value !== null))),
  })).filter((group) => group.plots.length > 0);
}
