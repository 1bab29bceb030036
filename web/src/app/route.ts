// Pages by the fragment of the address: `#/job/7`.
import { useSyncExternalStore } from "react";

function subscribe(tell: () => void): () => void {
  addEventListener("hashchange", tell);
  return () => removeEventListener("hashchange", tell);
}

export interface Place {
  /** Parts of the path. */
  parts: string[];
  /** What follows the question mark. */
  query: URLSearchParams;
}

export function usePlace(): Place {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query ?? "") };
}

export function address(parts: (string | number)[], query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString();
  return `#/${parts.map((part) => encodeURIComponent(part)).join("/")}${search ? `?${search}` : ""}`;
}

export function go(parts: (string | number)[], query: Record<string, string> = {}): void {
  location.hash = address(parts, query);
}
