// Where the jobs of a large graph stand: layers by the longest way from a beginning, and within a layer each job as near to
// those it is connected with as its neighbours let it. In time proportional to the number of jobs.
export const WIDTH = 184;
export const HEIGHT = 84;
const ACROSS = WIDTH + 40;
const DOWN = HEIGHT + 26;
const SWEEPS = 6;

export interface Places { x: Float64Array; y: Float64Array; width: number; height: number }
/** For each job the indices of those it takes results from; these come before it. */
export type Shape = number[][];

/** Groups of jobs that hang together, each ascending, in the order of their first jobs. */
function groups(shape: Shape): number[][] {
  const parent = shape.map((_, k) => k);
  const root = (k: number): number => {
    while (parent[k] !== k) k = parent[k] = parent[parent[k]!]!;
    return k;
  };
  shape.forEach((sources, k) => sources.forEach((from) => {
    const [a, b] = [root(k), root(from)];
    parent[Math.max(a, b)] = Math.min(a, b);
  }));
  const found = new Map<number, number[]>();
  shape.forEach((_, k) => {
    const first = root(k);
    const list = found.get(first);
    if (list) list.push(k);
    else found.set(first, [k]);
  });
  return [...found.values()];
}

/** Ascending places at least a step apart, as near to the wanted ones as can be (least squares: neighbours that want to
 *  overlap move as one). */
function spread(wanted: number[], step: number): number[] {
  const sums: number[] = [];
  const counts: number[] = [];
  wanted.forEach((place, k) => {
    let [sum, count] = [place - k * step, 1];
    while (sums.length > 0 && sums[sums.length - 1]! / counts[counts.length - 1]! > sum / count) {
      sum += sums.pop()!;
      count += counts.pop()!;
    }
    sums.push(sum);
    counts.push(count);
  });
  const places: number[] = [];
  sums.forEach((sum, k) => {
    for (let n = 0; n < counts[k]!; n += 1) places.push(sum / counts[k]! + places.length * step);
  });
  return places;
}

/** Layers and heights of one group, written into `layer` and `y`; answers its number of layers and its height. */
function arrange(group: number[], shape: Shape, layer: Int32Array, y: Float64Array): [number, number] {
  let most = 0;
  const layers: number[][] = [];
  const targets = new Map<number, number[]>();
  for (const k of group) {
    layer[k] = shape[k]!.reduce((least, from) => Math.max(least, layer[from]! + 1), 0);
    most = Math.max(most, layer[k]!);
    (layers[layer[k]!] ??= []).push(k);
    for (const from of shape[k]!) {
      const list = targets.get(from);
      if (list) list.push(k);
      else targets.set(from, [k]);
    }
  }
  layers.forEach((list) => list.forEach((k, row) => { y[k] = row * DOWN; }));
  const mean = (list: number[], own: number) => (list.length > 0 ? list.reduce((sum, k) => sum + y[k]!, 0) / list.length : own);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forth = sweep % 2 === 0;
    for (const list of forth ? layers : [...layers].reverse()) {
      const wanted = new Map(list.map((k) => [k, mean(forth ? shape[k]! : (targets.get(k) ?? []), y[k]!)]));
      list.sort((a, b) => wanted.get(a)! - wanted.get(b)! || a - b);
      spread(list.map((k) => wanted.get(k)!), DOWN).forEach((place, row) => { y[list[row]!] = place; });
    }
  }
  const low = Math.min(...layers.map((list) => y[list[0]!]!));
  const high = Math.max(...layers.map((list) => y[list[list.length - 1]!]!));
  for (const k of group) y[k]! -= low;
  return [most + 1, high - low + HEIGHT];
}

/** Places of all jobs; groups stand beside and below each other, in rows. */
export function layered(shape: Shape): Places {
  const n = shape.length;
  const [layer, x, y] = [new Int32Array(n), new Float64Array(n), new Float64Array(n)];
  const all = groups(shape).map((group) => {
    const [count, height] = arrange(group, shape, layer, y);
    return { group, width: count * ACROSS - (ACROSS - WIDTH), height };
  });
  const area = all.reduce((sum, one) => sum + (one.width + ACROSS) * (one.height + DOWN), 0);
  const widest = Math.max(1.3 * Math.sqrt(area), ...all.map((one) => one.width));
  let [left, top, tallest, width] = [0, 0, 0, 0];
  for (const one of all) {
    if (left > 0 && left + one.width > widest) [left, top, tallest] = [0, top + tallest + DOWN, 0];
    for (const k of one.group) {
      x[k] = left + layer[k]! * ACROSS;
      y[k]! += top;
    }
    width = Math.max(width, left + one.width);
    left += one.width + ACROSS;
    tallest = Math.max(tallest, one.height);
  }
  return { x, y, width, height: top + tallest };
}
