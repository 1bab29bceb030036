// A surface of equal density: naive surface nets. Each cell that the surface passes through gets one vertex, the mean of
// the crossings of its edges; each edge that it crosses gets a quadrangle of the four cells around it.
export interface Mesh { positions: Float32Array; normals: Float32Array; indices: Uint32Array }

const CORNERS: [number, number, number][] = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]];
const EDGES: [number, number][] = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];

/** Vertices in voxels from the centre (voxel ⌊n/2⌋); densities above the level are inside. */
export function surfaceNet(data: Uint16Array, [nx, ny, nz]: [number, number, number], level: number): Mesh {
  const at = (x: number, y: number, z: number) => data[(z * ny + y) * nx + x]!;
  const cells = new Int32Array((nx - 1) * (ny - 1) * (nz - 1)).fill(-1);
  const cell = (x: number, y: number, z: number) => (z * (ny - 1) + y) * (nx - 1) + x;
  const positions: number[] = [];
  const normals: number[] = [];
  const corner = new Float32Array(8);
  for (let z = 0; z < nz - 1; z += 1) {
    for (let y = 0; y < ny - 1; y += 1) {
      for (let x = 0; x < nx - 1; x += 1) {
        let inside = 0;
        for (let k = 0; k < 8; k += 1) {
          const [dx, dy, dz] = CORNERS[k]!;
          corner[k] = at(x + dx, y + dy, z + dz) - level;
          if (corner[k]! > 0) inside += 1;
        }
        if (inside === 0 || inside === 8) continue;
        const sum = [0, 0, 0];
        let crossings = 0;
        for (const [a, b] of EDGES) {
          const [u, v] = [corner[a]!, corner[b]!];
          if (u > 0 === v > 0) continue;
          const t = u / (u - v);
          for (let axis = 0; axis < 3; axis += 1) sum[axis]! += CORNERS[a]![axis]! + t * (CORNERS[b]![axis]! - CORNERS[a]![axis]!);
          crossings += 1;
        }
        cells[cell(x, y, z)] = positions.length / 3;
        positions.push(x + sum[0]! / crossings - Math.floor(nx / 2), y + sum[1]! / crossings - Math.floor(ny / 2), z + sum[2]! / crossings - Math.floor(nz / 2));
        // Outwards is where the density falls.
        const gx = corner[0]! + corner[2]! + corner[4]! + corner[6]! - corner[1]! - corner[3]! - corner[5]! - corner[7]!;
        const gy = corner[0]! + corner[1]! + corner[4]! + corner[5]! - corner[2]! - corner[3]! - corner[6]! - corner[7]!;
        const gz = corner[0]! + corner[1]! + corner[2]! + corner[3]! - corner[4]! - corner[5]! - corner[6]! - corner[7]!;
        const length = Math.hypot(gx, gy, gz) || 1;
        normals.push(gx / length, gy / length, gz / length);
      }
    }
  }
  const indices: number[] = [];
  const quad = (a: number, b: number, c: number, d: number, turned: boolean) => {
    if (a < 0 || b < 0 || c < 0 || d < 0) return;
    if (turned) indices.push(a, c, b, a, d, c);
    else indices.push(a, b, c, a, c, d);
  };
  for (let z = 0; z < nz - 1; z += 1) {
    for (let y = 0; y < ny - 1; y += 1) {
      for (let x = 0; x < nx - 1; x += 1) {
        const here = at(x, y, z) > level;
        if (y > 0 && z > 0 && here !== at(x + 1, y, z) > level) {
          quad(cells[cell(x, y - 1, z - 1)]!, cells[cell(x, y, z - 1)]!, cells[cell(x, y, z)]!, cells[cell(x, y - 1, z)]!, !here);
        }
        if (x > 0 && z > 0 && here !== at(x, y + 1, z) > level) {
          quad(cells[cell(x - 1, y, z - 1)]!, cells[cell(x - 1, y, z)]!, cells[cell(x, y, z)]!, cells[cell(x, y, z - 1)]!, !here);
        }
        if (x > 0 && y > 0 && here !== at(x, y, z + 1) > level) {
          quad(cells[cell(x - 1, y - 1, z)]!, cells[cell(x, y - 1, z)]!, cells[cell(x, y, z)]!, cells[cell(x - 1, y, z)]!, !here);
        }
      }
    }
  }
  return { positions: new Float32Array(positions), normals: new Float32Array(normals), indices: new Uint32Array(indices) };
}
