// Samples to pixels: a window of values from black to white.
import type { Packed } from "../api/client";

export interface Window { low: number; high: number }

/** Draws an image with its first row at the bottom. */
export function draw(canvas: HTMLCanvasElement, image: Packed, window: Window): void {
  const { nx, ny, data } = image;
  if (canvas.width !== nx || canvas.height !== ny) {
    canvas.width = nx;
    canvas.height = ny;
  }
  const context = canvas.getContext("2d");
  if (!context || nx === 0 || ny === 0) return;
  const table = levels(image, window);
  const pixels = context.createImageData(nx, ny);
  const words = new Uint32Array(pixels.data.buffer);
  for (let y = 0; y < ny; y += 1) {
    const from = (ny - 1 - y) * nx;
    for (let x = 0; x < nx; x += 1) words[y * nx + x] = table[data[from + x]!]!;
  }
  context.putImageData(pixels, 0, 0);
}

/** The pixel for each of the 65536 levels. */
function levels({ low, high }: Packed, window: Window): Uint32Array {
  const table = new Uint32Array(65536);
  const step = (high - low) / 65535;
  const width = Math.max(window.high - window.low, Number.MIN_VALUE);
  for (let level = 0; level < 65536; level += 1) {
    const share = (low + level * step - window.low) / width;
    const gray = Math.max(0, Math.min(255, Math.round(share * 255)));
    table[level] = 0xff000000 | (gray << 16) | (gray << 8) | gray;
  }
  return table;
}

/** Values below which `share` and above which `share` of an image lie. */
export function extent(image: Packed, share = 0.003): Window {
  const counts = new Uint32Array(1024);
  for (const value of image.data) counts[value >> 6]! += 1;
  const limit = share * image.data.length;
  const find = (order: number[]) => {
    let sum = 0;
    for (const bin of order) {
      sum += counts[bin]!;
      if (sum > limit) return bin;
    }
    return order[0]!;
  };
  const bins = [...counts.keys()];
  const at = (bin: number) => image.low + (bin / 1023) * (image.high - image.low);
  return { low: at(find(bins)), high: at(find(bins.reverse())) };
}

/** One image minus `scale` times another plus `offset`, of the same size. */
export function subtract(first: Packed, second: Packed, scale: number, offset: number): Packed {
  const [a, b] = [(first.high - first.low) / 65535, (scale * (second.high - second.low)) / 65535];
  const start = first.low - scale * second.low - offset;
  const values = Float32Array.from(first.data, (value, k) => start + a * value - b * (second.data[k] ?? 0));
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const width = Math.max(high - low, 1e-30);
  return { ...first, low, high, data: Uint16Array.from(values, (value) => Math.round(((value - low) / width) * 65535)) };
}
