// A curation as it is edited: every edit shows at once, is sent at once, and counts as saved when the server has stored it.
import { useEffect, useMemo, useRef, useState } from "react";
import { Refused, get, post } from "../api/client";
import { curated, same, type Curated, type Edit } from "./edits";

/** Edits of one request at most. */
const BATCH = 500;

export interface OutputPlace { job: number; slot: string }
export interface Curation {
  number: number;
  created: string;
  tomograms: OutputPlace | null;
  particles: OutputPlace | null;
  count: number;
  edits: number;
  command: string;
}

interface Log { stored: Edit[]; waiting: Edit[]; problem: string; lost: number }

export interface Editing {
  curated: Curated;
  /** Edits that the server has stored, and those under way. */
  stored: number;
  waiting: number;
  /** Why nothing is stored at the moment. */
  problem: string;
  /** Edits that were given up because somebody else edited at the same time. */
  lost: number;
  loaded: boolean;
  /** The number that the next point gets. */
  next: number;
  edit: (...edits: Edit[]) => void;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function useEditing(number: number, count: number): Editing {
  const path = `/api/curations/${number}/edits`;
  const log = useRef<Log>({ stored: [], waiting: [], problem: "", lost: 0 });
  const [turn, setTurn] = useState(0);
  const [loaded, setLoaded] = useState(false);
  const sending = useRef(false);
  const show = () => setTurn((old) => old + 1);
  const read = async (from: number) => (await get<{ edits: Edit[] }>(`${path}?from=${from}`)).edits;

  /** Sends what waits until nothing does. */
  const send = async () => {
    if (sending.current) return;
    sending.current = true;
    while (log.current.waiting.length > 0) {
      const { stored, waiting } = log.current;
      const batch = waiting.slice(0, BATCH);
      try {
        await post(path, { after: stored.length, edits: batch });
        log.current = { ...log.current, stored: [...stored, ...batch], waiting: log.current.waiting.slice(batch.length), problem: "" };
      } catch (error) {
        await trouble(error, batch);
      }
      show();
    }
    sending.current = false;
  };

  const trouble = async (error: unknown, batch: Edit[]) => {
    const refused = error instanceof Refused ? error : new Refused(0, String(error), "");
    if (refused.status === 409 || refused.status === 422) {
      // An answer may have been lost: then the edits are there. Otherwise somebody else was first.
      const more = await read(log.current.stored.length).catch(() => null);
      if (more !== null) {
        const ours = more.length <= batch.length && more.every((one, k) => same(one, batch[k]!)) && more.length > 0;
        const waiting = ours ? log.current.waiting.slice(more.length) : [];
        log.current = { stored: [...log.current.stored, ...more], waiting, problem: "", lost: log.current.lost + (ours ? 0 : log.current.waiting.length) };
        return;
      }
    }
    log.current = { ...log.current, problem: refused.message };
    show();
    await pause(1500);
  };

  useEffect(() => {
    let stop = false;
    const load = async () => {
      while (!stop) {
        try {
          const stored = await read(0);
          if (stop) return;
          log.current = { stored, waiting: [], problem: "", lost: 0 };
          setLoaded(true);
          show();
          return;
        } catch (error) {
          log.current = { ...log.current, problem: error instanceof Refused ? error.message : String(error) };
          show();
          await pause(1500);
        }
      }
    };
    void load();
    return () => { stop = true; };
  }, [path]);

  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (log.current.waiting.length > 0) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);

  const edit = (...edits: Edit[]) => {
    log.current = { ...log.current, waiting: [...log.current.waiting, ...edits], lost: 0 };
    show();
    void send();
  };
  const all = [...log.current.stored, ...log.current.waiting];
  const now = useMemo(() => curated(count, all), [turn, count]);
  const next = count + all.filter((one) => one.edit === "add").length;
  return { curated: now, next, stored: log.current.stored.length, waiting: log.current.waiting.length, problem: log.current.problem, lost: log.current.lost, loaded, edit };
}
