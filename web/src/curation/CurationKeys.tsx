// The keys of curation, wherever the focus is but in a field.
import { useEffect, useRef } from "react";

export interface Does {
  step: (by: number) => void;
  decide: (edit: "accept" | "reject" | "reopen", all: boolean) => void;
  add: () => void;
  move: () => void;
  undo: () => void;
  redo: () => void;
  group: (n: number) => void;
}

/** Whether keys belong to what has the focus. */
function busy(target: EventTarget | null): boolean {
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && target.type !== "range");
}

function perform(event: KeyboardEvent, does: Does): boolean {
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === "z") {
    if (event.shiftKey) does.redo();
    else does.undo();
    return true;
  }
  if (control || event.altKey) return false;
  const inPlane = event.target instanceof HTMLElement && event.target.closest(".planebox, input[type=range]") !== null;
  switch (event.key) {
    case "ArrowRight":
    case "ArrowLeft":
      if (inPlane) return false;
      does.step(event.key === "ArrowRight" ? 1 : -1);
      return true;
    case "j": does.step(1); return true;
    case "k": does.step(-1); return true;
    case "a": case " ": does.decide("accept", false); return true;
    case "A": does.decide("accept", true); return true;
    case "r": case "x": case "Delete": does.decide("reject", false); return true;
    case "R": does.decide("reject", true); return true;
    case "o": case "Backspace": does.decide("reopen", false); return true;
    case "n": case "Insert": does.add(); return true;
    case "m": does.move(); return true;
    case "u": case "z": does.undo(); return true;
    case "U": case "Z": case "y": does.redo(); return true;
    default:
      if (!/^[0-9]$/.test(event.key)) return false;
      does.group(Number(event.key));
      return true;
  }
}

export function CurationKeys({ does }: { does: Does }) {
  const now = useRef(does);
  now.current = does;
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if (busy(event.target) || (event.key === " " && event.target instanceof HTMLButtonElement && !event.target.classList.contains("pick"))) return;
      if (perform(event, now.current)) event.preventDefault();
    };
    addEventListener("keydown", down);
    return () => removeEventListener("keydown", down);
  }, []);
  return null;
}

const KEYS: [string, string][] = [
  ["A", "accept, go on"], ["R", "reject, go on"], ["O", "open again"], ["← →", "from pick to pick"], ["N", "add at the cross"], ["M", "move to the cross"],
  ["U", "undo"], ["Y", "redo"], ["⇧A ⇧R", "all that are open from here on"], ["1 … 9", "group of what is added, 0 for none"],
];

export function KeyHelp({ group }: { group: number | null }) {
  return (
    <dl className="keys small">
      {KEYS.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}{key.startsWith("1") && group ? `: now ${group}` : ""}</dd></div>)}
    </dl>
  );
}
