// Draws the graph: connections always; the jobs too while they are many, with as much as can be read at their size.
import type { Job } from "../api/types";
import { colour } from "../app/theme";
import { STATES, operationName, room } from "../app/words";
import { HEIGHT, WIDTH, type Places, type Shape } from "./layers";

/** The point of the graph in the upper left corner, and pixels per unit. */
export interface View { x: number; y: number; scale: number }

export interface Picture {
  jobs: Job[];
  shape: Shape;
  places: Places;
  chosen: number | null;
  /** Whether the jobs are drawn; otherwise they are elements over the picture. */
  cards: boolean;
}

const TONES: Record<string, string> = {
  done: "good", running: "run", submitted: "run", failed: "bad", damaged: "bad", draft: "edge",
  queued: "warn", waiting: "warn", ready: "warn", blocked: "warn", cancelled: "warn", interrupted: "warn", unknown: "warn",
};

/** The jobs that can be seen, with some around them. */
export function seen(places: Places, view: View, width: number, height: number, margin = 0): number[] {
  const [left, top] = [view.x - margin, view.y - margin];
  const [right, bottom] = [view.x + width / view.scale + margin, view.y + height / view.scale + margin];
  const found: number[] = [];
  for (let k = 0; k < places.x.length; k += 1) {
    const [x, y] = [places.x[k]!, places.y[k]!];
    if (x < right && x + WIDTH > left && y < bottom && y + HEIGHT > top) found.push(k);
  }
  return found;
}

export function paint(canvas: HTMLCanvasElement, picture: Picture, view: View): void {
  const density = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const scale = view.scale * density;
  context.setTransform(scale, 0, 0, scale, -view.x * scale, -view.y * scale);
  connections(context, picture, view, width, height);
  if (picture.cards) cards(context, picture, view, seen(picture.places, view, width, height));
}

function connections(context: CanvasRenderingContext2D, { jobs, shape, places }: Picture, view: View, width: number, height: number): void {
  const [left, right] = [view.x, view.x + width / view.scale];
  const [top, bottom] = [view.y, view.y + height / view.scale];
  const still = new Path2D();
  const moving = new Path2D();
  for (let k = 0; k < shape.length; k += 1) {
    const [x, y] = [places.x[k]!, places.y[k]! + HEIGHT / 2];
    for (const from of shape[k]!) {
      const [u, v] = [places.x[from]! + WIDTH, places.y[from]! + HEIGHT / 2];
      if (x < left || u > right || Math.max(y, v) < top || Math.min(y, v) > bottom) continue;
      const path = jobs[k]!.state === "running" ? moving : still;
      path.moveTo(u, v);
      if (view.scale < 0.2) path.lineTo(x, y);
      else {
        const bend = Math.max(18, (x - u) / 2);
        path.bezierCurveTo(u + bend, v, x - bend, y, x, y);
      }
    }
  }
  context.lineWidth = Math.max(1.2, 0.5 / view.scale);
  context.strokeStyle = colour("flow");
  context.stroke(still);
  context.strokeStyle = colour("run");
  context.setLineDash([7, 5]);
  context.stroke(moving);
  context.setLineDash([]);
}

function cards(context: CanvasRenderingContext2D, { jobs, places, chosen }: Picture, view: View, list: number[]): void {
  const palette = new Map([...new Set([...Object.values(TONES), "panel", "line", "text", "dim", "accent"])].map((name) => [name, colour(name)]));
  const font = getComputedStyle(document.body).fontFamily;
  const size = WIDTH * view.scale;
  const boxes = new Map<string, Path2D>();
  const plain = new Path2D();
  for (const k of list) {
    const [x, y] = [places.x[k]!, places.y[k]!];
    const tone = TONES[jobs[k]!.state] ?? "edge";
    const box = boxes.get(tone) ?? new Path2D();
    boxes.set(tone, box);
    // From afar a job is its state; nearer, a card with a coloured edge.
    if (size < 36) box.rect(x, y, WIDTH, HEIGHT);
    else {
      plain.roundRect(x, y, WIDTH, HEIGHT, 8);
      box.roundRect(x, y, 5, HEIGHT, [8, 0, 0, 8]);
    }
  }
  context.fillStyle = palette.get("panel")!;
  context.fill(plain);
  context.lineWidth = 1;
  context.strokeStyle = palette.get("line")!;
  context.stroke(plain);
  for (const [tone, box] of boxes) {
    context.fillStyle = palette.get(tone)!;
    context.fill(box);
  }
  if (size >= 60) for (const k of list) words(context, jobs[k]!, places.x[k]!, places.y[k]!, size, palette, font);
  const marked = list.find((k) => jobs[k]!.job === chosen);
  if (marked === undefined) return;
  context.lineWidth = Math.max(2, 2 / view.scale);
  context.strokeStyle = palette.get("accent")!;
  context.strokeRect(places.x[marked]!, places.y[marked]!, WIDTH, HEIGHT);
}

function words(context: CanvasRenderingContext2D, job: Job, x: number, y: number, size: number, palette: Map<string, string>, font: string): void {
  context.fillStyle = palette.get("text")!;
  context.font = `600 14.5px ${font}`;
  context.fillText(short(operationName(job.operation), 21), x + 12, y + 46);
  if (size < 100) return;
  context.fillStyle = palette.get("dim")!;
  context.font = `12px ${font}`;
  context.fillText(room(job.operation), x + 12, y + 22);
  context.textAlign = "right";
  context.fillText(String(job.job), x + WIDTH - 12, y + 22);
  context.textAlign = "left";
  context.fillText(STATES[job.state], x + 12, y + HEIGHT - 12);
}

const short = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
