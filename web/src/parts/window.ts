// Long lists: only the rows in sight are elements.
import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from "react";

/** Rows above and below those in sight; the rows change in steps of half of it. */
const MARGIN = 20;
/** Browsers know no elements higher than some ten million pixels. */
const HIGHEST = 8_000_000;

export interface Rows {
  box: RefObject<HTMLDivElement | null>;
  first: number;
  last: number;
  /** Height of what stands for the rows above and below, in pixels. */
  above: number;
  below: number;
}

/** Which of `count` rows of a height are in sight of the element that scrolls. */
export function useRows(count: number, height: number): Rows {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ first: 0, last: Math.min(count, 60) });
  const whole = count * height;
  const drawn = Math.min(whole, HIGHEST);
  const look = useCallback(() => {
    const element = box.current;
    if (!element) return;
    // A list that is too high is scrolled by shares of it.
    const free = Math.max(1, drawn - element.clientHeight);
    const top = whole > drawn ? (Math.min(element.scrollTop, free) / free) * (whole - element.clientHeight) : element.scrollTop;
    const step = MARGIN / 2;
    const first = Math.max(0, Math.floor(top / height / step) * step - step);
    const last = Math.min(count, first + Math.ceil(element.clientHeight / height) + 2 * MARGIN);
    setRange((old) => (old.first === first && old.last === last ? old : { first, last }));
  }, [count, height, whole, drawn]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    look();
    element.addEventListener("scroll", look, { passive: true });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      resized.disconnect();
    };
  }, [look]);
  const [first, last] = [Math.min(range.first, count), Math.min(range.last, count)];
  const rest = drawn - (last - first) * height;
  const above = whole > drawn ? Math.round(rest * (first / Math.max(1, count - (last - first)))) : first * height;
  return { box, first, last, above, below: Math.max(0, rest - above) };
}
