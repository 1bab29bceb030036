//! How the crossed edges of a cell belong to sheets, for every pattern of signs at its eight corners.
//!
//! Corner i lies at x = i & 1, y = i >> 1 & 1, z = i >> 2. The crossed edges of a face belong together: its two, or, of four, those
//! around each of its two corners that are inside. Both cells of a face see the same, so that sheets meet.

/// Most sheets through a cell.
pub(super) const MOST: usize = 4;

/// Corners at the ends of the edges: four along x, four along y, four along z.
pub(super) const EDGES: [[usize; 2]; 12] = [
    [0, 1],
    [2, 3],
    [4, 5],
    [6, 7],
    [0, 2],
    [1, 3],
    [4, 6],
    [5, 7],
    [0, 4],
    [1, 5],
    [2, 6],
    [3, 7],
];

/// The corners of the faces, in order around each.
const FACES: [[usize; 4]; 6] = [
    [0, 1, 3, 2],
    [4, 5, 7, 6],
    [0, 1, 5, 4],
    [2, 3, 7, 6],
    [0, 2, 6, 4],
    [1, 3, 7, 5],
];

/// No sheet.
const NONE: u8 = u8::MAX;

/// The edge that begins at a corner along x (0), y (1) or z (2).
pub(super) fn edge_of(from: usize, axis: usize) -> usize {
    let rest = match axis {
        0 => from >> 1,
        1 => (from & 1) | (from >> 1 & 2),
        _ => from & 3,
    };
    4 * axis + rest
}

/// The edge between two corners.
fn between(a: usize, b: usize) -> usize {
    let axis = (a ^ b).trailing_zeros() as usize;
    edge_of(a.min(b), axis)
}

/// Sheets of the edges, by signs.
pub(super) struct Sheets(Vec<[u8; 12]>);

impl Sheets {
    pub fn new() -> Self {
        Self((0..=u8::MAX).map(sheets_of).collect())
    }

    /// The sheet through an edge of a cell, below [`MOST`]; `None` where it is not crossed.
    pub fn of(&self, signs: u8, edge: usize) -> Option<usize> {
        let sheet = self.0[usize::from(signs)][edge];
        (sheet != NONE).then_some(usize::from(sheet))
    }
}

fn sheets_of(signs: u8) -> [u8; 12] {
    let inside = |corner: usize| signs >> corner & 1 == 1;
    let crossed = |edge: usize| inside(EDGES[edge][0]) != inside(EDGES[edge][1]);
    let mut groups: [usize; 12] = std::array::from_fn(|edge| edge);
    let mut join = |a: usize, b: usize| {
        let (low, high) = (groups[a].min(groups[b]), groups[a].max(groups[b]));
        for group in &mut groups {
            if *group == high {
                *group = low;
            }
        }
    };
    for face in FACES {
        let edges: [usize; 4] = std::array::from_fn(|i| between(face[i], face[(i + 1) % 4]));
        let open: Vec<usize> = edges.into_iter().filter(|e| crossed(*e)).collect();
        match open[..] {
            [a, b] => join(a, b),
            [_, _, _, _] => {
                for i in (0..4).filter(|i| inside(face[*i])) {
                    join(edges[i], edges[(i + 3) % 4]);
                }
            }
            _ => {}
        }
    }
    let mut names: Vec<usize> = Vec::new();
    std::array::from_fn(|edge| {
        if !crossed(edge) {
            return NONE;
        }
        let known = names.iter().position(|name| *name == groups[edge]);
        let name = known.unwrap_or_else(|| {
            names.push(groups[edge]);
            names.len() - 1
        });
        name as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sheet_of_every_cell_is_a_loop() {
        let sheets = Sheets::new();
        for signs in 0..=u8::MAX {
            let named = (0..12).filter_map(|edge| sheets.of(signs, edge));
            assert!(named.clone().all(|sheet| sheet < MOST));
            for sheet in 0..MOST {
                // A loop has at least three edges.
                let count = named.clone().filter(|s| *s == sheet).count();
                assert!(count == 0 || count >= 3, "{signs:08b}");
            }
        }
        assert_eq!(edge_of(3, 2), 11);
        assert_eq!(between(7, 5), 7);
    }

    #[test]
    fn two_corners_apart_have_two_sheets() {
        let sheets = Sheets::new();
        let of = |edge: usize| sheets.of(0b1000_0001, edge);
        assert_eq!((of(0), of(4), of(8)), (Some(0), Some(0), Some(0)));
        assert_eq!((of(3), of(7), of(11)), (Some(1), Some(1), Some(1)));
        assert_eq!(of(1), None);
    }
}
