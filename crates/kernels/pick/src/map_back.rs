//! Averages placed back into a tomogram where their particles are, slab by slab, and the surface of an average as triangles.
//!
//! A voxel at x gets the sum over particles of map(Rᵀ(x − p)), trilinear, within a sphere around each particle's centre. Surfaces are of
//! marching tetrahedra (Doi & Koide 1991). Lengths in Å, maps `[z, y, x]` about voxel ⌊n/2⌋.

use std::collections::BTreeMap;

use glam::{DQuat, DVec3};
use ndarray::ArrayView3;
use rayon::prelude::*;
use thon_geometry::{Grid, Point};

/// An average that is placed.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The map.
    pub map: ArrayView3<'a, f32>,
    /// Its voxel size, Å.
    pub voxel_size: f64,
    /// How far from its centre it is taken, Å.
    pub radius: f64,
}

/// Where one copy goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Copy {
    /// Which stamp.
    pub stamp: usize,
    /// Centre in the specimen, Å.
    pub position: DVec3,
    /// Map → specimen.
    pub rotation: DQuat,
}

/// Adds all copies to some sections of a volume on `grid`; `voxels` holds whole sections from `first` on.
pub fn stamp_sections(
    grid: &Grid,
    first: usize,
    stamps: &[Stamp<'_>],
    copies: &[Copy],
    voxels: &mut [f32],
) {
    let [_, ny, nx] = grid.dims;
    let voxel = grid.voxel_size.0;
    voxels
        .par_chunks_mut(ny * nx)
        .enumerate()
        .for_each(|(at, section)| {
            let z = (first + at) as f64;
            for copy in copies {
                let stamp = &stamps[copy.stamp];
                let middle = grid.index_of(Point::from_vector(copy.position));
                let reach = stamp.radius / voxel;
                let across = reach * reach - (z - middle.z).powi(2);
                if across < 0.0 {
                    continue;
                }
                let back = copy.rotation.conjugate();
                let half = across.sqrt();
                for y in range(middle.y - half, middle.y + half, ny) {
                    let rest = (across - (y as f64 - middle.y).powi(2)).max(0.0).sqrt();
                    for x in range(middle.x - rest, middle.x + rest, nx) {
                        let step = DVec3::new(x as f64, y as f64, z) - middle;
                        let inside = back * (step * (voxel / stamp.voxel_size));
                        section[y * nx + x] += sample(&stamp.map, inside) as f32;
                    }
                }
            }
        });
}

/// Whole numbers from `low` to `high` within 0 to `n`.
fn range(low: f64, high: f64, n: usize) -> std::ops::Range<usize> {
    let from = low.ceil().max(0.0) as usize;
    let to = ((high.floor() + 1.0).max(0.0) as usize).min(n);
    from..to.max(from)
}

/// Value of a map at a place from its centre voxel, in voxels; 0 outside.
fn sample(map: &ArrayView3<'_, f32>, place: DVec3) -> f64 {
    let (nz, ny, nx) = map.dim();
    let centre = DVec3::new((nx / 2) as f64, (ny / 2) as f64, (nz / 2) as f64);
    let at = place + centre;
    let floor = at.floor();
    let limit = DVec3::new(nx as f64, ny as f64, nz as f64) - 2.0;
    if floor.cmplt(DVec3::ZERO).any() || floor.cmpgt(limit).any() {
        return 0.0;
    }
    let [a, b, c] = (at - floor).to_array();
    let (x, y, z) = (floor.x as usize, floor.y as usize, floor.z as usize);
    let p = |i: usize, j: usize, k: usize| f64::from(map[[z + k, y + j, x + i]]);
    let row = |j: usize, k: usize| p(0, j, k) * (1.0 - a) + p(1, j, k) * a;
    let plane = |k: usize| row(0, k) * (1.0 - b) + row(1, k) * b;
    plane(0) * (1.0 - c) + plane(1) * c
}

/// Triangles that share their corners.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triangles {
    /// Corners, Å from the map's centre voxel.
    pub corners: Vec<[f32; 3]>,
    /// Corners of each triangle; seen from outside (lower values) they turn counter-clockwise.
    pub triangles: Vec<[u32; 3]>,
}

/// Tetrahedra of a cube, by its corners (bit 0 x, bit 1 y, bit 2 z): all share the diagonal 0–7.
const TETRAHEDRA: [[usize; 4]; 6] = [
    [0, 1, 3, 7],
    [0, 3, 2, 7],
    [0, 2, 6, 7],
    [0, 6, 4, 7],
    [0, 4, 5, 7],
    [0, 5, 1, 7],
];

/// The surface of a map where it equals `level`.
pub fn isosurface(map: &ArrayView3<'_, f32>, level: f32, voxel_size: f64) -> Triangles {
    let (nz, ny, nx) = map.dim();
    let mut out = Triangles::default();
    let mut known: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    let centre = DVec3::new((nx / 2) as f64, (ny / 2) as f64, (nz / 2) as f64);
    let index = |x: usize, y: usize, z: usize| (z * ny + y) * nx + x;
    let place = |at: usize| {
        DVec3::new(
            (at % nx) as f64,
            (at / nx % ny) as f64,
            (at / nx / ny) as f64,
        )
    };
    let value = |at: usize| f64::from(map[[at / nx / ny, at / nx % ny, at % nx]] - level);
    let mut cut = |a: usize, b: usize, out: &mut Triangles| {
        let (a, b) = (a.min(b), a.max(b));
        *known.entry((a, b)).or_insert_with(|| {
            let (u, v) = (value(a), value(b));
            let point = (place(a).lerp(place(b), u / (u - v)) - centre) * voxel_size;
            out.corners.push(point.to_array().map(|v| v as f32));
            out.corners.len() as u32 - 1
        })
    };
    let cubes = [nz, ny, nx].map(|n| n.saturating_sub(1));
    for cube in 0..cubes.iter().product() {
        let (x, y, z) = (
            cube % cubes[2],
            cube / cubes[2] % cubes[1],
            cube / cubes[2] / cubes[1],
        );
        let corner = |bits: usize| index(x + (bits & 1), y + (bits >> 1 & 1), z + (bits >> 2));
        for tetrahedron in TETRAHEDRA {
            let corners = tetrahedron.map(corner);
            let (high, low): (Vec<usize>, Vec<usize>) =
                corners.iter().partition(|&&at| value(at) >= 0.0);
            let ring: Vec<u32> = match (high.as_slice(), low.as_slice()) {
                ([a], [b, c, d]) | ([b, c, d], [a]) => [*b, *c, *d]
                    .iter()
                    .map(|other| cut(*a, *other, &mut out))
                    .collect(),
                ([a, b], [c, d]) => [(a, c), (a, d), (b, d), (b, c)]
                    .iter()
                    .map(|(p, q)| cut(**p, **q, &mut out))
                    .collect(),
                _ => continue,
            };
            let sum = |list: &[usize]| list.iter().map(|at| place(*at)).sum::<DVec3>();
            let outwards = sum(&low) / low.len() as f64 - sum(&high) / high.len() as f64;
            for at in 1..ring.len() - 1 {
                push(&mut out, [ring[0], ring[at], ring[at + 1]], outwards);
            }
        }
    }
    out
}

/// Adds a triangle with its front side to a direction; none when it has no area.
fn push(out: &mut Triangles, [a, b, c]: [u32; 3], outwards: DVec3) {
    let at = |i: u32| {
        let [x, y, z] = out.corners[i as usize];
        DVec3::new(f64::from(x), f64::from(y), f64::from(z))
    };
    let normal = (at(b) - at(a)).cross(at(c) - at(a));
    if normal.length_squared() > 0.0 {
        let front = normal.dot(outwards) >= 0.0;
        out.triangles
            .push(if front { [a, b, c] } else { [a, c, b] });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use thon_units::PixelSize;

    /// Three blobs of different weight off the centre: no symmetry.
    fn phantom(place: DVec3) -> f64 {
        let blob = |x: f64, y: f64, z: f64, w: f64| {
            w * (-(place - DVec3::new(x, y, z)).length_squared() / 800.0).exp()
        };
        blob(60.0, 0.0, 10.0, 1.0) + blob(0.0, 50.0, -20.0, 0.7) + blob(-20.0, -30.0, 60.0, 0.5)
    }

    #[test]
    fn copies_lie_where_their_particles_are() {
        let map = Array3::from_shape_fn((41, 40, 42), |(z, y, x)| {
            phantom(DVec3::new(x as f64 - 21.0, y as f64 - 20.0, z as f64 - 20.0) * 6.0) as f32
        });
        let stamp = Stamp {
            map: map.view(),
            voxel_size: 6.0,
            radius: 115.0,
        };
        let mut grid = Grid::new([50, 60, 70], PixelSize(8.0));
        grid.centre = Point::new(30.0, -20.0, 10.0);
        let copies = [
            Copy {
                stamp: 0,
                position: DVec3::new(-60.0, 50.0, 20.0),
                rotation: DQuat::from_euler(glam::EulerRot::ZYX, 0.4, -0.8, 1.1),
            },
            Copy {
                stamp: 0,
                position: DVec3::new(160.0, -90.0, -30.0),
                rotation: DQuat::IDENTITY,
            },
        ];
        let mut whole = vec![0.0; grid.len()];
        stamp_sections(&grid, 0, &[stamp], &copies, &mut whole);
        let mut worst = 0.0f64;
        for (at, value) in whole.iter().enumerate() {
            let point = grid.point_at([at / 4200, at / 70 % 60, at % 70]).xyz;
            let wanted: f64 = copies
                .iter()
                .map(|copy| copy.rotation.conjugate() * (point - copy.position))
                .filter(|local| local.length() < 110.0)
                .map(phantom)
                .sum();
            if copies
                .iter()
                .all(|c| (point.distance(c.position) - 112.0).abs() > 4.0)
            {
                worst = worst.max((f64::from(*value) - wanted).abs());
            }
        }
        // Linear interpolation of a blob of σ 20 Å at 6 Å: 3 h²/8σ².
        assert!(worst < 0.04, "{worst}");
        // The same in slabs.
        let mut slab = vec![0.0; 4200 * 7];
        stamp_sections(&grid, 20, &[stamp], &copies, &mut slab);
        assert_eq!(slab, whole[4200 * 20..4200 * 27]);
    }

    #[test]
    fn the_surface_of_a_ball_is_closed_and_has_its_area() {
        let map = Array3::from_shape_fn((24, 25, 26), |(z, y, x)| {
            let place = DVec3::new(x as f64 - 13.0, y as f64 - 12.0, z as f64 - 12.0);
            (8.0 - place.length()) as f32
        });
        let surface = isosurface(&map.view(), 0.0137, 2.0);
        let at = |i: u32| DVec3::from_array(surface.corners[i as usize].map(f64::from));
        let (mut area, mut volume) = (0.0, 0.0);
        let mut edges: BTreeMap<(u32, u32), i32> = BTreeMap::new();
        for [a, b, c] in &surface.triangles {
            let normal = (at(*b) - at(*a)).cross(at(*c) - at(*a));
            area += normal.length() / 2.0;
            volume += at(*a).dot(normal) / 6.0;
            for (p, q) in [(a, b), (b, c), (c, a)] {
                *edges.entry((*p.min(q), *p.max(q))).or_default() += if p < q { 1 } else { -1 };
            }
        }
        assert!(edges.values().all(|count| *count == 0));
        let (wanted_area, wanted_volume) = (4.0 * 256.0, 4.0 / 3.0 * 4096.0);
        let pi = std::f64::consts::PI;
        assert!((area / (wanted_area * pi) - 1.0).abs() < 0.02, "{area}");
        assert!(
            (volume / (wanted_volume * pi) - 1.0).abs() < 0.02,
            "{volume}"
        );
        assert_eq!(isosurface(&map.view(), 1e9, 1.0), Triangles::default());
    }
}
