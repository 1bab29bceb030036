//! Triangles of the zero set of a signed distance: surface nets (Gibson 1998, MICCAI, LNCS 1496:888) with a vertex for every sheet
//! through a cell (Nielson 2004, IEEE Visualization, p. 489), so that sheets which share a cell stay apart.
//!
//! A vertex is the mean of the crossings of the cell's edges that its sheet runs through, moved onto the sheet. Every edge of the grid
//! with a crossing joins the vertices of the four cells around it to two triangles. Vertices stand only where a point of the sheet is
//! near, so that the surface ends with the sheet. Two planes of corners at a time.

use rayon::prelude::*;
use thon_geometry::glam::Vec3;

use super::Surface;
use super::cell::{EDGES, MOST, Sheets, edge_of};
use super::implicit::Implicit;

/// How far from the nearest point a vertex may lie, voxels.
const REACH: f32 = 1.5;
/// Steps of a vertex towards the sheet.
const STEPS: usize = 2;
/// No vertex.
const NONE: u32 = u32::MAX;

/// The grid around a sheet.
struct Grid<'a> {
    sheet: Implicit<'a>,
    /// How the edges of a cell belong together.
    sheets: Sheets,
    origin: Vec3,
    edge: f32,
    /// Corners along x, y, z.
    corners: [usize; 3],
}

/// The vertices of one layer of cells, `[y][x]`.
struct Layer {
    vertices: Vec<[u32; MOST]>,
    /// Which corners are inside, a bit each.
    signs: Vec<u8>,
}

/// Place and normal of the vertices of a cell, and its signs.
struct Cell {
    signs: u8,
    vertices: [Option<(Vec3, Vec3)>; MOST],
}

/// The surface of the points of one sheet, without labels, areas and curvatures.
pub(super) fn triangulate(points: &[crate::ridge::SheetPoint], edge: f32) -> Surface {
    let mut surface = Surface::default();
    if points.is_empty() {
        return surface;
    }
    let grid = Grid::around(points, edge);
    let [nx, ny, nz] = grid.corners;
    let mut below = grid.plane(0);
    let mut previous: Option<Layer> = None;
    for z in 0..nz - 1 {
        let above = grid.plane(z + 1);
        let layer = grid.layer([&below, &above], z, &mut surface);
        for y in 0..ny {
            for x in 0..nx {
                let quads = grid.quads([x, y], [&below, &above], &layer, previous.as_ref());
                for quad in quads.into_iter().flatten() {
                    split(quad, &mut surface);
                }
            }
        }
        below = above;
        previous = Some(layer);
    }
    without_strays(&surface)
}

impl<'a> Grid<'a> {
    fn around(points: &'a [crate::ridge::SheetPoint], edge: f32) -> Self {
        let sheet = Implicit::new(points);
        let [low, high] = sheet.bounds();
        let margin = Vec3::splat(2.0 * edge + REACH);
        let size = ((high - low + 2.0 * margin) / edge).ceil();
        Self {
            sheet,
            sheets: Sheets::new(),
            origin: low - margin,
            edge,
            corners: [size.x, size.y, size.z].map(|n| n as usize + 1),
        }
    }

    fn place(&self, x: usize, y: usize, z: usize) -> Vec3 {
        self.origin + self.edge * Vec3::new(x as f32, y as f32, z as f32)
    }

    /// Signed distances at the corners of a plane, `[y][x]`; not a number away from the sheet.
    fn plane(&self, z: usize) -> Vec<f32> {
        let [nx, ny, _] = self.corners;
        // A cell with a crossing has no corner further away than its diagonal.
        let near = 1.8 * self.edge + REACH;
        let mut values = vec![f32::NAN; nx * ny];
        values
            .par_chunks_mut(nx)
            .enumerate()
            .for_each(|(y, row)| self.row(self.place(0, y, z), near, row));
        values
    }

    fn row(&self, start: Vec3, near: f32, row: &mut [f32]) {
        let mut active = vec![false; row.len()];
        for point in self.sheet.beside(start.y, start.z, near) {
            let away = point.position - start;
            let across = near * near - away.y * away.y - away.z * away.z;
            if across > 0.0 {
                let half = across.sqrt();
                let first = ((away.x - half) / self.edge).ceil().max(0.0) as usize;
                let last = ((away.x + half) / self.edge).floor();
                let end = ((last + 1.0).max(0.0) as usize).min(row.len());
                active[first.min(end)..end].fill(true);
            }
        }
        for (x, value) in row.iter_mut().enumerate().filter(|(x, _)| active[*x]) {
            let place = start + Vec3::new(x as f32 * self.edge, 0.0, 0.0);
            *value = self.sheet.at(place).map_or(f32::NAN, |v| v.distance);
        }
    }

    /// Makes the vertices of the cells between two planes.
    fn layer(&self, planes: [&[f32]; 2], z: usize, surface: &mut Surface) -> Layer {
        let [nx, ny, _] = self.corners;
        let rows: Vec<Vec<(usize, Cell)>> = (0..ny - 1)
            .into_par_iter()
            .map(|y| {
                let cell = |x: usize| self.cell(planes, [x, y, z]).map(|cell| (x, cell));
                (0..nx - 1).filter_map(cell).collect()
            })
            .collect();
        let mut layer = Layer {
            vertices: vec![[NONE; MOST]; nx * ny],
            signs: vec![0; nx * ny],
        };
        let cells = rows.into_iter().enumerate();
        let cells = cells.flat_map(|(y, row)| row.into_iter().map(move |(x, c)| (y * nx + x, c)));
        for (at, cell) in cells {
            layer.signs[at] = cell.signs;
            layer.vertices[at] = cell.vertices.map(|vertex| surface.add(vertex));
        }
        layer
    }

    /// The vertices of a cell that a sheet runs through.
    fn cell(&self, planes: [&[f32]; 2], [x, y, z]: [usize; 3]) -> Option<Cell> {
        let nx = self.corners[0];
        let corner = |i: usize| {
            let at = (y + (i >> 1 & 1)) * nx + x + (i & 1);
            planes[i >> 2][at]
        };
        let values: [f32; 8] = std::array::from_fn(corner);
        if values.iter().any(|v| v.is_nan()) {
            return None;
        }
        let inside = values.iter().enumerate().filter(|(_, v)| **v < 0.0);
        let signs = inside.fold(0_u8, |signs, (i, _)| signs | 1 << i);
        if signs == 0 || signs == u8::MAX {
            return None;
        }
        let (mut sums, mut counts) = ([Vec3::ZERO; MOST], [0.0_f32; MOST]);
        for (edge, [from, to]) in EDGES.into_iter().enumerate() {
            if let Some(sheet) = self.sheets.of(signs, edge) {
                let part = values[from] / (values[from] - values[to]);
                let offset =
                    |i: usize| Vec3::new((i & 1) as f32, (i >> 1 & 1) as f32, (i >> 2) as f32);
                sums[sheet] += offset(from).lerp(offset(to), part);
                counts[sheet] += 1.0;
            }
        }
        let vertex = |sheet: usize| {
            let middle = sums[sheet] / counts[sheet];
            (counts[sheet] > 0.0)
                .then(|| self.onto_sheet(self.place(x, y, z) + self.edge * middle))?
        };
        Some(Cell {
            signs,
            vertices: std::array::from_fn(vertex),
        })
    }

    /// The nearest place on the sheet and its normal, where the sheet has points.
    fn onto_sheet(&self, mut place: Vec3) -> Option<(Vec3, Vec3)> {
        let mut here = self.sheet.at(place)?;
        for _ in 0..STEPS {
            place -= here.distance * here.normal;
            here = self.sheet.at(place)?;
        }
        (here.nearest <= REACH).then_some((place, here.normal))
    }

    /// The quads around the edges that leave a corner of the lower plane along x, y and z; counter-clockwise seen from the outside.
    fn quads(
        &self,
        [x, y]: [usize; 2],
        [below, above]: [&[f32]; 2],
        now: &Layer,
        before: Option<&Layer>,
    ) -> [Option<[u32; 4]>; 3] {
        let [nx, ny, _] = self.corners;
        let corner = y * nx + x;
        let here = below[corner];
        let crossed =
            |there: f32| !here.is_nan() && !there.is_nan() && (here < 0.0) != (there < 0.0);
        // Cells around the edge, and the corner of each at which the edge begins.
        let joined = |cells: [(Option<&Layer>, usize, usize); 4], axis: usize| {
            let mut quad = [NONE; 4];
            for (vertex, (layer, at, from)) in quad.iter_mut().zip(cells) {
                let layer = layer?;
                let sheet = self.sheets.of(layer.signs[at], edge_of(from, axis))?;
                *vertex = layer.vertices[at][sheet];
            }
            if here >= 0.0 {
                quad.reverse();
            }
            quad.iter().all(|v| *v != NONE).then_some(quad)
        };
        let (low, left, now) = (corner.wrapping_sub(nx), corner.wrapping_sub(1), Some(now));
        let along_x = x + 1 < nx && y > 0 && crossed(below[corner + 1]);
        let along_y = y + 1 < ny && x > 0 && crossed(below[corner + nx]);
        let along_z = x > 0 && y > 0 && crossed(above[corner]);
        let corner_x = [
            (before, low, 6),
            (before, corner, 4),
            (now, corner, 0),
            (now, low, 2),
        ];
        let corner_y = [
            (before, left, 5),
            (now, left, 1),
            (now, corner, 0),
            (before, corner, 4),
        ];
        let corner_z = [
            (now, low.wrapping_sub(1), 3),
            (now, low, 2),
            (now, corner, 0),
            (now, left, 1),
        ];
        [
            along_x.then(|| joined(corner_x, 0)).flatten(),
            along_y.then(|| joined(corner_y, 1)).flatten(),
            along_z.then(|| joined(corner_z, 2)).flatten(),
        ]
    }
}

impl Surface {
    /// Adds a vertex, if it is one; gives its index, or [`NONE`].
    fn add(&mut self, vertex: Option<(Vec3, Vec3)>) -> u32 {
        let Some((place, normal)) = vertex else {
            return NONE;
        };
        self.positions.push(place);
        self.normals.push(normal);
        (self.positions.len() - 1) as u32
    }
}

/// A quad as two triangles, cut along its shorter diagonal.
fn split([a, b, c, d]: [u32; 4], surface: &mut Surface) {
    let at = |v: u32| surface.positions[v as usize];
    let first = at(a).distance_squared(at(c));
    let second = at(b).distance_squared(at(d));
    let triangles = if first <= second {
        [[a, b, c], [a, c, d]]
    } else {
        [[a, b, d], [b, c, d]]
    };
    surface.triangles.extend(triangles);
}

/// Without the vertices that no triangle has.
fn without_strays(surface: &Surface) -> Surface {
    let mut used = vec![NONE; surface.positions.len()];
    for vertex in surface.triangles.iter().flatten() {
        used[*vertex as usize] = 0;
    }
    let mut kept = Surface::default();
    for (vertex, index) in used.iter_mut().enumerate() {
        if *index == 0 {
            *index = kept.positions.len() as u32;
            kept.positions.push(surface.positions[vertex]);
            kept.normals.push(surface.normals[vertex]);
        }
    }
    kept.triangles = surface
        .triangles
        .iter()
        .map(|t| t.map(|v| used[v as usize]))
        .collect();
    kept
}
