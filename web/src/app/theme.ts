// Dark or light: as the system says, until somebody chooses.
import { useSyncExternalStore } from "react";

const KEEP = "thon.theme";
const system = matchMedia("(prefers-color-scheme: light)");
const listeners = new Set<() => void>();

export function theme(): "dark" | "light" {
  const kept = localStorage.getItem(KEEP);
  if (kept === "dark" || kept === "light") return kept;
  return system.matches ? "light" : "dark";
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
  listeners.forEach((tell) => tell());
}

export function turnTheme(): void {
  localStorage.setItem(KEEP, theme() === "dark" ? "light" : "dark");
  applyTheme();
}

system.addEventListener("change", applyTheme);

export function useTheme(): "dark" | "light" {
  const subscribe = (tell: () => void) => {
    listeners.add(tell);
    return () => listeners.delete(tell);
  };
  return useSyncExternalStore(subscribe, theme);
}

/** A colour of the theme, for canvases. */
export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
