// From where the particles are seen: how often the z axis of the reference points in each direction of the specimen, on the
// whole sphere in Mollweide's equal-area projection. Even coverage is 1.
import { useEffect, useMemo, useRef } from "react";
import * as THREE from "three";
import { useTheme } from "../app/theme";
import { onRamp } from "./particleColours";

/** Cells of equal area: rings of equal height on the axis, twice as many sectors; finer with more particles. */
const MOST_RINGS = 18;
const ringsFor = (count: number) => Math.max(3, Math.min(MOST_RINGS, Math.round(Math.sqrt(count / 16))));

/** Particles in each cell over those of an even coverage. */
function coverage(axis: Float32Array, rings: number): Float64Array {
  const cells = new Float64Array(rings * 2 * rings);
  const count = axis.length / 3;
  for (let k = 0; k < count; k += 1) cells[cellOf(axis[3 * k]!, axis[3 * k + 1]!, axis[3 * k + 2]!, rings)]! += 1;
  return cells.map((one) => (one * cells.length) / Math.max(1, count));
}

function cellOf(x: number, y: number, z: number, rings: number): number {
  const sectors = 2 * rings;
  const ring = Math.max(0, Math.min(rings - 1, Math.floor(((z + 1) / 2) * rings)));
  const sector = Math.floor(((Math.atan2(y, x) + Math.PI) / (2 * Math.PI)) * sectors) % sectors;
  return ring * sectors + sector;
}

/** The direction at a place of the projection, both from −1 to 1; nothing outside of it. */
function direction(u: number, v: number): [number, number, number] | null {
  if (u * u + v * v > 1) return null;
  const angle = Math.asin(v);
  const z = (2 * angle + Math.sin(2 * angle)) / Math.PI;
  const longitude = (Math.PI * u) / Math.max(1e-9, Math.cos(angle));
  const across = Math.sqrt(Math.max(0, 1 - z * z));
  return [across * Math.cos(longitude), across * Math.sin(longitude), z];
}

export function AngularDistribution({ axis, thinned }: { axis: Float32Array; thinned: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const rings = ringsFor(axis.length / 3);
  const cells = useMemo(() => coverage(axis, rings), [axis, rings]);
  const sorted = [...cells].sort((a, b) => a - b);
  const high = Math.max(2, sorted[Math.floor(0.99 * sorted.length)]!);
  const empty = cells.filter((one) => one === 0).length;
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const [width, height] = [720, 360];
    element.width = width;
    element.height = height;
    const context = element.getContext("2d")!;
    const image = context.createImageData(width, height);
    const tint = new THREE.Color();
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const place = direction((2 * (x + 0.5)) / width - 1, 1 - (2 * (y + 0.5)) / height);
        if (!place) continue;
        onRamp(cells[cellOf(...place, rings)]! / high, tint);
        image.data.set([255 * tint.r ** (1 / 2.2), 255 * tint.g ** (1 / 2.2), 255 * tint.b ** (1 / 2.2), 255], 4 * (y * width + x));
      }
    }
    context.putImageData(image, 0, 0);
  }, [cells, rings, high, theme]);
  return (
    <section className="directions">
      <h2>From where they are seen</h2>
      <figure>
        <canvas ref={canvas} role="img" aria-label="Distribution of directions over the sphere" />
        <figcaption className="dim small">
          <span className="legend"><span className="num">0</span><i className="ramp" /><span className="num">{high.toFixed(1)}× even coverage</span></span>
          <span>z axis of the reference in the specimen: up at the top, x in the middle. {empty > 0 ? `${Math.round((100 * empty) / cells.length)} % of directions are not seen.` : "All directions are seen."}{thinned ? " From some of the particles." : ""}</span>
        </figcaption>
      </figure>
    </section>
  );
}
