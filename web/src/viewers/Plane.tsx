// One plane through a volume, with a cross at the point where the three meet and what is laid over it.
import { useEffect, useRef } from "react";
import { packed, type Packed } from "../api/client";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { Refusal } from "../parts/Note";
import { OverlayCanvas, type Overlay } from "./Overlay";
import { draw, subtract, type Window } from "./draw";

/** Voxel under the cross, in x, y, z. */
export type Position = [number, number, number];
export type Axis = "x" | "y" | "z";
export const AXES: Record<Axis, { across: 0 | 1 | 2; up: 0 | 1 | 2; along: 0 | 1 | 2; name: string }> = {
  z: { across: 0, up: 1, along: 2, name: "x · y" },
  y: { across: 0, up: 2, along: 1, name: "x · z" },
  x: { across: 1, up: 2, along: 0, name: "y · z" },
};

export interface PlaneProps {
  place: ObjectPlace;
  /** What is taken away from it, to see the difference. */
  minus?: { place: ObjectPlace; scale: number; offset: number };
  axis: Axis;
  size: Position;
  position: Position;
  thickness: number;
  window: Window;
  part: string;
  overlay: Overlay | null;
  move: (position: Position) => void;
}

interface Slice { key: string; image: Packed }

export function Plane({ place, minus, axis, size, position, thickness, window, part, overlay, move }: PlaneProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { across, up, along, name } = AXES[axis];
  const query = new URLSearchParams({ axis, index: String(position[along]), thickness: String(thickness), part }).toString();
  const paths = [place, ...(minus ? [minus.place] : [])].map((one) => api(one, `slice?${query}`));
  const asked = JSON.stringify([paths, minus?.scale ?? 1, minus?.offset ?? 0]);
  const image = useLoad(asked, async (key): Promise<Slice> => {
    const [paths, scale, offset] = JSON.parse(key) as [string[], number, number];
    const [first, second] = await Promise.all(paths.map((path) => packed(path)));
    return { key, image: second ? subtract(first!, second, scale, offset) : first! };
  });
  const shown = useRef<Slice | null>(null);
  if (image.value) shown.current = image.value;
  useEffect(() => {
    if (!canvas.current || !shown.current) return;
    draw(canvas.current, shown.current.image, window);
    canvas.current.dataset.slice = shown.current.key;
  }, [image.value, window.low, window.high]);
  const clamp = (value: number, axis: number) => Math.max(0, Math.min(size[axis]! - 1, value));
  const step = (by: number) => {
    const next: Position = [...position];
    next[along] = clamp(next[along] + by, along);
    move(next);
  };
  const point = (event: React.PointerEvent<HTMLElement>) => {
    if (event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    const next: Position = [...position];
    next[across] = clamp(Math.floor(((event.clientX - box.left) / box.width) * size[across]), across);
    next[up] = clamp(Math.floor((1 - (event.clientY - box.top) / box.height) * size[up]), up);
    move(next);
  };
  const keys = (event: React.KeyboardEvent) => {
    const by = { ArrowUp: 1, ArrowRight: 1, PageUp: 10, ArrowDown: -1, ArrowLeft: -1, PageDown: -10 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  };
  return (
    <figure className={`plane plane-${axis}`} style={{ "--across": size[across], "--up": size[up] } as React.CSSProperties}>
      <div
        className="planebox"
        tabIndex={0}
        role="img"
        aria-label={`Plane ${name}, slice ${position[along] + 1} of ${size[along]}`}
        onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); point(event); }}
        onPointerMove={point}
        onWheel={(event) => step(event.deltaY > 0 ? -1 : 1)}
        onKeyDown={keys}
      >
        <canvas ref={canvas} />
        {overlay ? <OverlayCanvas overlay={overlay} axis={axis} size={size} index={position[along]} thickness={thickness} /> : null}
        <i className="cross v" style={{ left: `${((position[across] + 0.5) / size[across]) * 100}%` }} />
        <i className="cross h" style={{ bottom: `${((position[up] + 0.5) / size[up]) * 100}%` }} />
      </div>
      <figcaption>
        <span>{name}</span>
        <span className="num">{"xyz"[along]} {position[along] + 1} / {size[along]}</span>
      </figcaption>
      {image.error ? <Refusal error={image.error} /> : null}
    </figure>
  );
}
