// Computes surfaces beside the page, so that it stays smooth.
import { surfaceNet } from "./nets";

interface Volume { data: Uint16Array; size: [number, number, number] }
let volume: Volume | null = null;

onmessage = (event: MessageEvent<{ volume?: Volume; level?: number }>) => {
  if (event.data.volume) volume = event.data.volume;
  if (event.data.level === undefined || !volume) return;
  const mesh = surfaceNet(volume.data, volume.size, event.data.level);
  postMessage(mesh, { transfer: [mesh.positions.buffer, mesh.normals.buffer, mesh.indices.buffer] });
};
