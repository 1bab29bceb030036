// Talks to the server: the token goes in a header, never in an address.

const KEEP = "thon.token";

/** Takes the token out of the address, where `thon serve` put it, and keeps it for this server. */
export function takeToken(): void {
  const fragment = location.hash.slice(1);
  if (/^[0-9a-f]{64}$/.test(fragment)) {
    localStorage.setItem(KEEP, fragment);
    history.replaceState(null, "", "/#/");
  }
}

/** What the server said when it said no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("Authorization", `Bearer ${localStorage.getItem(KEEP) ?? ""}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "omit" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer.", "Is `thon serve` still running, and the tunnel open?");
  }
  if (response.ok) return response;
  const said = (await response.json().catch(() => ({}))) as { error?: string; hint?: string };
  throw new Refused(response.status, said.error ?? `The server answered ${response.status}.`, said.hint ?? "");
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, { signal })).json() as Promise<T>;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  };
  return (await ask(path, init)).json() as Promise<T>;
}

export async function blob(path: string, signal?: AbortSignal): Promise<Blob> {
  return (await ask(path, { signal })).blob();
}

/** An array of samples with the range that 0 and 65535 stand for. */
export interface Packed {
  nx: number;
  ny: number;
  nz: number;
  low: number;
  high: number;
  data: Uint16Array;
}

export async function packed(path: string, signal?: AbortSignal): Promise<Packed> {
  const bytes = await (await ask(path, { signal })).arrayBuffer();
  const head = new DataView(bytes);
  return {
    nx: head.getUint32(0, true),
    ny: head.getUint32(4, true),
    nz: head.getUint32(8, true),
    low: head.getFloat32(12, true),
    high: head.getFloat32(16, true),
    data: new Uint16Array(bytes, 20),
  };
}

/** Particles in space; `total` of them are stood for by the points. */
export interface Points {
  count: number;
  total: number;
  position: Float32Array;
  axis: Float32Array;
  value: Float32Array;
  row: Uint32Array;
  class: Uint16Array;
  half: Uint8Array;
}

export async function points(path: string, signal?: AbortSignal): Promise<Points> {
  const bytes = await (await ask(path, { signal })).arrayBuffer();
  const head = new DataView(bytes);
  const n = head.getUint32(0, true);
  return {
    count: n,
    total: head.getUint32(4, true),
    position: new Float32Array(bytes, 8, 3 * n),
    axis: new Float32Array(bytes, 8 + 12 * n, 3 * n),
    value: new Float32Array(bytes, 8 + 24 * n, n),
    row: new Uint32Array(bytes, 8 + 28 * n, n),
    class: new Uint16Array(bytes, 8 + 32 * n, n),
    half: new Uint8Array(bytes, 8 + 34 * n, n),
  };
}

/** Follows the server's events until the signal says stop; throws when the connection ends. */
export async function follow(
  path: string,
  tell: (event: string, data: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await ask(path, { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      let event = "message";
      let data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event = line.slice(7);
        if (line.startsWith("data: ")) data += line.slice(6);
      }
      if (data) tell(event, data);
    }
  }
}
