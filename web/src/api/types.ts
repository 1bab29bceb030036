// What the server sends; the same words as in its OpenAPI document.

export type State =
  | "draft" | "queued" | "waiting" | "blocked" | "ready" | "submitted" | "running" | "done" | "failed" | "cancelled" | "interrupted" | "unknown" | "damaged" | "cleaned";
export type Role = "viewer" | "editor" | "owner";

export interface Project { name: string; directory: string; version: string; role: Role }
export interface Filled { input: string; job: number; output: string }
export interface OutputSummary { slot: string; kind: string; items: number }
export interface Job {
  job: number;
  operation: string;
  title: string;
  state: State;
  evidence: string;
  created: string;
  started: string | null;
  seconds: number | null;
  items_done: number;
  items_failed: number;
  items_total: number | null;
  progress: number | null;
  inputs: Filled[];
  outputs: OutputSummary[];
}
export interface Graph { jobs: Job[]; problems: [string, string][] }
export interface Unit {
  item: string;
  seconds: number | null;
  metrics: Record<string, number>;
  warnings: string[];
  rejected: [string, string][];
}
export interface Item { name: string; digest: string; files: string[] }
export type Source = { job: { job: number; slot: string } } | { files: string[] };
export interface Detail {
  summary: Job;
  parameters: Json;
  sources: Record<string, Source>;
  units: Unit[];
  rejected: [string, string][];
  outputs: Record<string, Item[]>;
  methods: string;
  citations: [string, string][];
  downstream: number[];
  bytes: number;
  attempt: number | null;
  command: string;
}
export interface Log { text: string; next: number; attempt: number | null; parts: number[]; state: State }

export interface Slot { name: string; kind: string; each: boolean; required: boolean; doc: string }
export interface Operation { id: string; summary: string; inputs: Slot[]; outputs: Slot[] }
export type Kind = "number" | "integer" | "boolean" | "text" | "list" | "json";
export interface Parameter {
  path: string[];
  kind: Kind;
  element: Kind | null;
  optional: boolean;
  unit: string | null;
  default: Json;
  minimum: number | null;
  maximum: number | null;
  choices: { value: string; doc: string }[];
  doc: string;
  expert: boolean;
  is_path: boolean;
  picks: string | null;
}
export interface OperationDetail {
  operation: Operation;
  description: string;
  parameters: Parameter[];
  methods: string;
  citations: [string, string][];
}
export interface Finding { severity: "warning" | "error"; place: string; message: string; hint: string }
export interface Cost { memory: number; disk: number; cpu_seconds: number }
export interface Checked {
  preview: {
    findings: Finding[];
    units: { item: string; cached: boolean; cost: Cost | null }[];
    rejected: { name: string; reason: string }[];
  };
  command: string;
}
export interface Executor { name: string; kind: string; partition: string | null }
/** Where and how a job is to run. */
export interface Placing { executor?: string; processes?: number }
export interface MadeAnswer { jobs: [number, number | null][]; command: string }
export interface PipelineText { toml: string; command: string }
export interface ReportText { markdown: string; bibtex: string; command: string }
export interface DoneAnswer { job: number; done: string; command: string }
export interface Listing {
  roots: { name: string; directory: string }[];
  root: number;
  path: string;
  written: string;
  entries: { is_file: boolean; name: string }[];
  more: boolean;
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface Curves {
  title: string;
  columns: { label: string; unit: string; values: (number | null)[] }[];
  facts: Record<string, number>;
}
export interface VolumeSummary {
  shape: [number, number, number];
  voxel_size: number | null;
  mean: number;
  deviation: number;
  range: [number, number];
  halves: boolean;
}
export interface Tomogram {
  name: string;
  tilt_series: string;
  /** `dims` in z, y, x; where the voxel ⌊n/2⌋ lies in the specimen, Å in x, y, z. */
  grid: { dims: [number, number, number]; voxel_size: number; centre: [number, number, number] };
}
export interface ParticlesSummary {
  total: number;
  oriented: boolean;
  halves: boolean;
  /** Name and number of particles. */
  tilt_series: [string, number][];
  /** Class, from 1, and number of particles. */
  classes: [number, number][];
  columns: string[];
}
export interface ParticleRows {
  row: number[];
  name: string[];
  position: [number, number, number][];
  series: number[];
  class: number[];
  half: number[];
}
/** Angles in radians, lengths in Å. */
export interface TiltImage {
  image: { path: string; section: number } | null;
  movie: { path: string; frames: number | null } | null;
  acquisition_index: number | null;
  nominal_tilt_angle: number;
  dose_before: number;
  exposure: number | null;
  geometry: {
    x_tilt: number;
    tilt_angle: number;
    tilt_axis_angle: number;
    affine: [number, number, number, number];
    shift: [number, number];
  } | null;
  ctf: { defocus_u: number; defocus_v: number; defocus_angle: number; phase_shift: number } | null;
  exclusion: { reason: string } | null;
}
export interface TiltSeries {
  name: string;
  pixel_size: number;
  image_size: [number, number];
  images: TiltImage[];
}
