// Loading what a part of the page shows.
import { useEffect, useRef, useState } from "react";
import { Refused } from "../api/client";

export interface Loaded<T> {
  value: T | null;
  error: Refused | null;
  loading: boolean;
}

/** Loads whenever the key changes; keeps the last value until the next is there. One load at a time, the newest wins. */
export function useLoad<T>(key: string | null, load: (key: string, signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ value: null, error: null, loading: true });
  const loader = useRef(load);
  loader.current = load;
  const busy = useRef(false);
  const wanted = useRef<string | null>(null);
  useEffect(() => {
    wanted.current = key;
    if (key === null || busy.current) return;
    const run = async () => {
      busy.current = true;
      while (wanted.current !== null) {
        const asked: string = wanted.current;
        setState((old) => ({ ...old, loading: true }));
        try {
          const value = await loader.current(asked, new AbortController().signal);
          setState({ value, error: null, loading: false });
        } catch (error) {
          const refused = error instanceof Refused ? error : new Refused(0, String(error), "");
          setState({ value: null, error: refused, loading: false });
        }
        if (wanted.current === asked) wanted.current = null;
      }
      busy.current = false;
    };
    void run();
  }, [key]);
  return state;
}
