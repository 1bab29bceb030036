// Numbers and names for people.
import type { State } from "../api/types";

/** `tomogram.reconstruct-wbp` → `Reconstruct wbp`, for headings. */
export function operationName(id: string): string {
  const [first = "", last = id] = id.split(".");
  const border = first === "import" || first === "export" ? `${first} ` : "";
  const words = border + last.replace(/-/g, " ");
  const known: [RegExp, string][] = [[/\bwbp\b/, "WBP"], [/\bctf\b/, "CTF"], [/\bfsc\b/, "FSC"], [/\b2d\b/, "2D"], [/\brelion\b/, "RELION"], [/\bimod\b/, "IMOD"], [/\betomo\b/, "eTomo"], [/\baretomo\b/, "AreTomo"], [/\bdigital micrograph\b/, "DigitalMicrograph"]];
  const text = known.reduce((text, [from, to]) => text.replace(from, to), words);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function room(id: string): string {
  return (id.split(".")[0] ?? "").replace(/_/g, " ");
}

export function words(name: string): string {
  const text = name.replace(/[_-]/g, " ").replace(/\b(fsc|ctf|relion|imod|emdb)\b/g, (word) => word.toUpperCase());
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let k = 0;
  while (n >= 1000 && k < units.length - 1) {
    n /= 1000;
    k += 1;
  }
  return `${n < 10 && k > 0 ? n.toFixed(1) : Math.round(n)} ${units[k]}`;
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0 || Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return Number(value.toPrecision(4)).toString();
}

export function time(stamp: string): string {
  const date = new Date(stamp);
  const today = new Date().toDateString() === date.toDateString();
  const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hour12: false };
  return today
    ? date.toLocaleTimeString("en-GB", options)
    : date.toLocaleString("en-GB", { ...options, day: "numeric", month: "short" });
}

export const STATES: Record<State, string> = {
  draft: "Draft",
  queued: "Asked for",
  waiting: "Waiting",
  blocked: "Blocked",
  ready: "Ready",
  submitted: "Starting",
  running: "Running",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted",
  unknown: "Unknown",
  damaged: "Damaged",
  cleaned: "Cleaned away",
};

/** With so many decimals, and no minus before a zero. */
export const fixed = (value: number, decimals: number) => value.toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1");

export const degrees = (radians: number) => (radians * 180) / Math.PI;
