// Moving about: one finger or the mouse drags, two fingers or the wheel zoom, a short touch chooses, two open.
import { useEffect, useRef, type MutableRefObject, type RefObject } from "react";
import type { View } from "./paint";

const NEAREST = 1.8;
const FARTHEST = 0.012;

type Point = { x: number; y: number };

/** Follows the pointers over an element and changes the view; answers a function that zooms about the middle. */
export function useGestures(
  box: RefObject<HTMLElement | null>,
  view: MutableRefObject<View>,
  changed: () => void,
  touched: (x: number, y: number) => void,
  opened: (x: number, y: number) => void,
): (factor: number) => void {
  const tell = useRef({ changed, touched, opened });
  tell.current = { changed, touched, opened };
  const zoomAt = (factor: number, { x, y }: Point) => {
    const old = view.current;
    const scale = Math.max(FARTHEST, Math.min(NEAREST, old.scale * factor));
    view.current = { scale, x: old.x + x / old.scale - x / scale, y: old.y + y / old.scale - y / scale };
    tell.current.changed();
  };
  const middle = (): Point => ({ x: (box.current?.clientWidth ?? 0) / 2, y: (box.current?.clientHeight ?? 0) / 2 });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const fingers = new Map<number, Point>();
    let way = 0;
    const place = (event: MouseEvent): Point => {
      const { left, top } = element.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    const onButton = (event: Event) => (event.target as HTMLElement).closest(".zoom") !== null;
    const down = (event: PointerEvent) => {
      if (event.button !== 0 || onButton(event)) return;
      if (fingers.size === 0) way = 0;
      fingers.set(event.pointerId, place(event));
    };
    const move = (event: PointerEvent) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const to = place(event);
      const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      way += Math.abs(to.x - before.x) + Math.abs(to.y - before.y);
      if (way > 6 && !element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, to);
      const share = 1 / fingers.size;
      view.current = { ...view.current, x: view.current.x - ((to.x - before.x) * share) / view.current.scale, y: view.current.y - ((to.y - before.y) * share) / view.current.scale };
      const other = others[0];
      if (other) {
        const length = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y);
        zoomAt(Math.max(0.5, Math.min(2, length(to) / Math.max(1, length(before)))), { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 });
      }
      tell.current.changed();
    };
    const up = (event: PointerEvent) => {
      if (!fingers.delete(event.pointerId) || fingers.size > 0 || way > 6 || event.type !== "pointerup") return;
      const { x, y } = place(event);
      tell.current.touched(x, y);
    };
    const twice = (event: MouseEvent) => {
      if (!onButton(event)) tell.current.opened(place(event).x, place(event).y);
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      zoomAt(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 240), place(event));
    };
    const keys = (event: KeyboardEvent) => {
      const step = 80 / view.current.scale;
      const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
      if (dx !== 0 || dy !== 0) view.current = { ...view.current, x: view.current.x + dx!, y: view.current.y + dy! };
      else if (event.key === "+" || event.key === "=") zoomAt(1.4, middle());
      else if (event.key === "-") zoomAt(1 / 1.4, middle());
      else return;
      event.preventDefault();
      tell.current.changed();
    };
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    element.addEventListener("dblclick", twice);
    element.addEventListener("wheel", wheel, { passive: false });
    element.addEventListener("keydown", keys);
    return () => {
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      element.removeEventListener("dblclick", twice);
      element.removeEventListener("wheel", wheel);
      element.removeEventListener("keydown", keys);
    };
  }, []);
  return (factor) => zoomAt(factor, middle());
}
