// What was decided about picks: a list of edits, and what they come to. The same rules as the server's.

export type Decision = "accepted" | "rejected";
export type Place = [number, number, number];

export type Edit =
  | { edit: "add"; tilt_series: string; position: Place; class?: number }
  | { edit: "move"; particle: number; position: Place }
  | { edit: "accept" | "reject" | "reopen"; particles: number[] }
  | { edit: "undo" | "redo" };

export interface Added { tilt_series: string; position: Place; class?: number }

export interface Curated {
  /** Points that were added, rejected ones too. */
  added: Map<number, Added>;
  moved: Map<number, Place>;
  decisions: Map<number, Decision>;
  undoable: number;
  redoable: number;
}

/** What edits of a set of `count` particles come to. */
export function curated(count: number, edits: readonly Edit[]): Curated {
  const holding: [number, Edit][] = [];
  let undone: [number, Edit][] = [];
  let next = count;
  for (const edit of edits) {
    if (edit.edit === "undo") {
      const last = holding.pop();
      if (last) undone.push(last);
    } else if (edit.edit === "redo") {
      const last = undone.pop();
      if (last) holding.push(last);
    } else {
      undone = [];
      holding.push([next, edit]);
      if (edit.edit === "add") next += 1;
    }
  }
  const found: Curated = { added: new Map(), moved: new Map(), decisions: new Map(), undoable: holding.length, redoable: undone.length };
  for (const [number, edit] of holding) apply(found, number, edit);
  return found;
}

function apply(found: Curated, number: number, edit: Edit): void {
  switch (edit.edit) {
    case "add":
      found.added.set(number, { tilt_series: edit.tilt_series, position: edit.position, class: edit.class });
      break;
    case "move": {
      const point = found.added.get(edit.particle);
      if (point) found.added.set(edit.particle, { ...point, position: edit.position });
      else found.moved.set(edit.particle, edit.position);
      break;
    }
    case "accept":
    case "reject":
      for (const one of edit.particles) found.decisions.set(one, edit.edit === "accept" ? "accepted" : "rejected");
      break;
    case "reopen":
      for (const one of edit.particles) found.decisions.delete(one);
  }
}

/** Whether two edits say the same. */
export function same(a: Edit, b: Edit): boolean {
  const flat = (edit: Edit) => JSON.stringify(Object.entries(edit).filter(([, value]) => value !== undefined && value !== null).sort(([x], [y]) => (x < y ? -1 : 1)));
  return flat(a) === flat(b);
}
