//! How a tomogram is cut into overlapping tiles.
//!
//! A correlation at r needs the voxels within `reach` of r. An axis taken whole is padded by `reach` zeros, which serve both ends
//! because a transform is periodic; a piece of an axis needs its neighbours' voxels, `reach` and a margin on both sides. Of all ways to
//! cut, the one of least transforms, N·log N over all tiles, whose buffers fit the memory.

use thon_signal::fft::next_fast_length;

/// Voxels beyond the reach that a piece of an axis keeps on either side, so that cutting the tomogram does not change it
/// where it is used.
const MARGIN: usize = 4;
/// Largest number of pieces along an axis.
const PIECES: usize = 64;

/// One tile of a tomogram, `[z, y, x]` throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// First voxel whose score the tile gives.
    pub origin: [usize; 3],
    /// How many voxels it gives scores of.
    pub valid: [usize; 3],
    /// Voxels before the first one that the tile's data begins.
    pub lead: [usize; 3],
    /// Length of the transforms.
    pub length: [usize; 3],
}

/// The tiles of a tomogram, all of the same transform lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub tiles: Vec<Tile>,
}

/// One axis cut into equal pieces.
#[derive(Clone, Copy, Debug)]
struct Cut {
    valid: usize,
    pieces: usize,
    length: usize,
    lead: usize,
}

fn cuts(extent: usize, reach: usize) -> Vec<Cut> {
    let cut = |pieces: usize| {
        let valid = extent.div_ceil(pieces);
        let lead = if pieces == 1 { 0 } else { reach + MARGIN };
        let needed = if pieces == 1 {
            extent + reach
        } else {
            valid + 2 * lead
        };
        Cut {
            valid,
            pieces: extent.div_ceil(valid),
            length: next_fast_length(needed.max(2 * reach + 1)),
            lead,
        }
    };
    (1..=PIECES.min(extent)).map(cut).collect()
}

/// Bytes of all buffers of one tile: two spectra, the local deviations, best scores and orientations.
pub(crate) fn tile_bytes(length: [usize; 3], valid: [usize; 3]) -> usize {
    let all: usize = length.iter().product();
    let given: usize = valid.iter().product();
    8 * all + 8 * valid[0] * length[1] * length[2] + 12 * given
}

impl Layout {
    /// The cheapest layout within `bytes`; else the number of bytes of the smallest.
    pub fn choose(dims: [usize; 3], reach: usize, bytes: usize) -> Result<Self, usize> {
        let [z, y, x] = dims.map(|extent| cuts(extent, reach));
        let (mut best, mut smallest) = (None::<(f64, [Cut; 3])>, usize::MAX);
        let ways = z.iter().flat_map(|z| {
            let y = y.iter();
            y.flat_map(|y| x.iter().map(|x| [*z, *y, *x]))
        });
        for cut in ways {
            let needed = tile_bytes(cut.map(|c| c.length), cut.map(|c| c.valid));
            smallest = smallest.min(needed);
            let voxels: f64 = cut.iter().map(|c| c.length as f64).product();
            let tiles: f64 = cut.iter().map(|c| c.pieces as f64).product();
            let work = tiles * voxels * voxels.log2();
            if needed <= bytes && best.is_none_or(|(least, _)| work < least) {
                best = Some((work, cut));
            }
        }
        let (_, cut) = best.ok_or(smallest)?;
        let mut tiles = Vec::new();
        let starts = |axis: usize| (0..dims[axis]).step_by(cut[axis].valid);
        for z in starts(0) {
            for y in starts(1) {
                for x in starts(2) {
                    let origin = [z, y, x];
                    tiles.push(Tile {
                        origin,
                        valid: [0, 1, 2].map(|a| cut[a].valid.min(dims[a] - origin[a])),
                        lead: cut.map(|c| c.lead),
                        length: cut.map(|c| c.length),
                    });
                }
            }
        }
        Ok(Self { tiles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_voxel_once_within_the_memory() {
        for (dims, memory) in [
            ([60, 200, 170], 40 << 20),
            ([61, 64, 67], 1 << 30),
            ([1, 9, 130], 1 << 22),
        ] {
            let layout = Layout::choose(dims, 9, memory).unwrap();
            let mut seen = ndarray::Array3::<u8>::zeros(dims);
            for tile in &layout.tiles {
                assert!(tile_bytes(tile.length, tile.valid) <= memory);
                let [z, y, x] = [0, 1, 2].map(|a| tile.origin[a]..tile.origin[a] + tile.valid[a]);
                let mut part = seen.slice_mut(ndarray::s![z, y, x]);
                part += 1;
            }
            assert!(seen.iter().all(|count| *count == 1), "{dims:?}");
        }
        assert!(Layout::choose([300; 3], 12, 1000).is_err());
    }

    #[test]
    fn with_room_a_tomogram_stays_whole() {
        let layout = Layout::choose([140, 256, 256], 13, 1 << 30).unwrap();
        assert_eq!(layout.tiles.len(), 1);
        assert_eq!(layout.tiles[0].lead, [0; 3]);
    }
}
