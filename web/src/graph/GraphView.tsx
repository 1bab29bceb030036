// The graph, to move about in: only what is in sight is drawn, as elements while these are few, as a picture when many.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Job } from "../api/types";
import { useTheme } from "../app/theme";
import { operationName } from "../app/words";
import { Card } from "./Card";
import { HEIGHT, WIDTH, type Places, type Shape } from "./layers";
import { paint, seen, type View } from "./paint";
import { useGestures } from "./gestures";

interface Props { jobs: Job[]; shape: Shape; places: Places; chosen: number | null; choose: (job: number | null) => void; open: (job: number) => void }

/** Cards that are elements at most, and how large a card must be to be one. */
const CARDS = 90;
const READABLE = 0.42;
/** Where one looked last, for when one comes back. */
let kept: View | null = null;

/** All of it where that can be read, else the newest job in the middle. */
function start(places: Places, width: number, height: number): View {
  const margin = 28;
  const whole = Math.min(1.1, (width - 2 * margin) / Math.max(1, places.width), (height - 2 * margin) / Math.max(1, places.height));
  const last = places.x.length - 1;
  if (whole >= 0.3 || last < 0) {
    return { scale: whole, x: places.width / 2 - width / 2 / whole, y: places.height / 2 - height / 2 / whole };
  }
  const scale = width < 700 ? 0.6 : 0.8;
  return { scale, x: places.x[last]! + WIDTH / 2 - width / 2 / scale, y: places.y[last]! + HEIGHT / 2 - height / 2 / scale };
}

export function GraphView({ jobs, shape, places, chosen, choose, open }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cards = useRef<HTMLDivElement>(null);
  const view = useRef<View>({ x: 0, y: 0, scale: 1 });
  const waiting = useRef(0);
  const [shown, setShown] = useState<number[]>([]);
  const theme = useTheme();
  const now = useRef({ jobs, shape, places, chosen });
  now.current = { jobs, shape, places, chosen };

  const draw = useCallback(() => {
    waiting.current = 0;
    const [element, picture] = [box.current, canvas.current];
    if (!element || !picture || !cards.current) return;
    const { x, y, scale } = view.current;
    kept = { x, y, scale };
    // A border of hidden cards, so that not every movement makes new ones.
    const near = scale >= READABLE ? seen(now.current.places, view.current, element.clientWidth, element.clientHeight, WIDTH) : [];
    const few = scale >= READABLE && near.length <= CARDS;
    paint(picture, { ...now.current, cards: !few }, view.current);
    cards.current.style.transform = `translate(${-x * scale}px, ${-y * scale}px) scale(${scale})`;
    const list = few ? near : [];
    setShown((old) => (old.length === list.length && old.every((k, at) => k === list[at]) ? old : list));
    element.dataset.drawn = String(now.current.jobs.length);
  }, []);
  const later = useCallback(() => {
    if (!waiting.current) waiting.current = requestAnimationFrame(draw);
  }, [draw]);
  const fit = useCallback(() => {
    const element = box.current;
    if (!element) return;
    const whole = Math.min(1.1, (element.clientWidth - 40) / Math.max(1, now.current.places.width), (element.clientHeight - 40) / Math.max(1, now.current.places.height));
    const { width, height } = now.current.places;
    view.current = { scale: whole, x: width / 2 - element.clientWidth / 2 / whole, y: height / 2 - element.clientHeight / 2 / whole };
    later();
  }, [later]);
  const at = useCallback((x: number, y: number): number | null => {
    const { places, jobs } = now.current;
    const [u, v] = [view.current.x + x / view.current.scale, view.current.y + y / view.current.scale];
    for (let k = 0; k < jobs.length; k += 1) {
      if (u >= places.x[k]! && u <= places.x[k]! + WIDTH && v >= places.y[k]! && v <= places.y[k]! + HEIGHT) return jobs[k]!.job;
    }
    return null;
  }, []);
  const zoom = useGestures(box, view, later, (x, y) => choose(at(x, y)), (x, y) => {
    const job = at(x, y);
    if (job !== null) open(job);
  });

  useLayoutEffect(() => {
    const element = box.current!;
    view.current = kept ?? start(places, element.clientWidth, element.clientHeight);
    const resized = new ResizeObserver(later);
    resized.observe(element);
    return () => {
      resized.disconnect();
      cancelAnimationFrame(waiting.current);
      waiting.current = 0;
    };
  }, []);
  useEffect(later, [jobs, places, chosen, theme, later]);

  return (
    <div className="graphbox" ref={box} tabIndex={0} aria-label={`Graph of ${jobs.length} jobs; the table lists them all`} role="group">
      <canvas ref={canvas} aria-hidden="true" />
      <div className="cards" ref={cards}>
        {shown.filter((k) => k < jobs.length).map((k) => {
          const job = jobs[k]!;
          return (
            <Card
              key={job.job}
              job={job}
              selected={job.job === chosen}
              x={places.x[k]!}
              y={places.y[k]!}
              label={`Job ${job.job}, ${operationName(job.operation)}, ${job.state}`}
              choose={choose}
            />
          );
        })}
      </div>
      <div className="zoom">
        <button onClick={() => zoom(1.4)} aria-label="Nearer" title="Nearer (+)">+</button>
        <button onClick={() => zoom(1 / 1.4)} aria-label="Farther" title="Farther (−)">−</button>
        <button onClick={fit} aria-label="All of it" title="All of it (0)">⤢</button>
      </div>
    </div>
  );
}
