// Addresses of results, and which viewer shows which kind.

/** One item of an output of a job. */
export interface ObjectPlace {
  job: number;
  slot: string;
  item: number;
}

export const api = (object: ObjectPlace, what: string) =>
  `/api/objects/${object.job}/${encodeURIComponent(object.slot)}/${object.item}/${what}`;

export const placeText = (object: ObjectPlace) => `${object.job}.${object.slot}.${object.item}`;

export function placeOf(text: string): ObjectPlace | null {
  const [job, slot, item] = text.split(".");
  return job && slot && item ? { job: Number(job), slot, item: Number(item) } : null;
}

/** Kinds that the page can show. */
export const SHOWN = ["tilt-series", "tomogram", "map", "mask", "curves", "picture", "particles"];

export const KINDS: Record<string, [string, string]> = {
  "tilt-series": ["tilt series", "tilt series"],
  tomogram: ["tomogram", "tomograms"],
  particles: ["particle set", "particle sets"],
  map: ["map", "maps"],
  mask: ["mask", "masks"],
  curves: ["table of curves", "tables of curves"],
  picture: ["picture", "pictures"],
  files: ["list of files", "lists of files"],
};

export function counted(n: number, kind: string): string {
  const [one, many] = KINDS[kind] ?? [kind, `${kind}s`];
  return n === 1 ? `1 ${one}` : `${n} ${many}`;
}
