//! Slices across x, of volumes whose files run along x.
//!
//! A disk is read in pages, and a row of a tomogram is one or two of them: a single column costs as much as a hundred. So
//! columns are read in blocks that are kept for the next steps, and while one looks at a block its neighbour is read ahead,
//! on the side that one moves to. The floor of a block is one pass over the volume from the disk, or, when the system holds the
//! file in memory, a short read for each row.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rayon::prelude::*;
use thon_images::mrc::Mrc;

/// Bytes of a block; some columns of a large volume, …
const BLOCK: usize = 64 << 20;
/// … at most this many.
const WIDEST: usize = 64;
/// Blocks that are kept: 256 MiB in all.
const KEPT: usize = 4;

/// Where a block is: the file and its first column.
type Key = (PathBuf, usize);
/// The samples of a block, `[z][x][y]`; or why there are none.
type Content = OnceLock<Result<Vec<f32>, String>>;

/// The blocks that were read last, of all volumes.
#[derive(Default)]
pub(crate) struct Blocks {
    kept: Mutex<VecDeque<(Key, Arc<Content>)>>,
    /// The column that was asked for last.
    last: Mutex<Option<Key>>,
}

/// A volume as blocks of columns.
struct Volume<'a> {
    path: &'a Path,
    /// `[z, y, x]`.
    shape: [usize; 3],
    width: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Volume<'_> {
    fn start(&self, x: usize) -> usize {
        x / self.width * self.width
    }

    fn columns(&self, start: usize) -> usize {
        self.width.min(self.shape[2] - start)
    }

    fn read(&self, start: usize) -> Result<Vec<f32>, String> {
        let ([nz, ny, _], width) = (self.shape, self.columns(start));
        let file = Mrc::open(self.path).map_err(|e| e.to_string())?;
        let mut block = vec![0.0_f32; nz * ny * width];
        let sections = block.par_chunks_exact_mut(ny * width).enumerate();
        sections
            .try_for_each(|(z, section)| {
                let window = file.read_window(z, 0, start, ny, width)?;
                for (y, run) in window.chunks_exact(width).enumerate() {
                    for (x, value) in run.iter().enumerate() {
                        section[x * ny + y] = *value;
                    }
                }
                Ok(())
            })
            .map_err(|e: thon_images::ImageError| e.to_string())?;
        Ok(block)
    }
}

impl Blocks {
    /// The place of a block, which becomes the last to go; whether it is new.
    fn place(&self, key: &Key) -> (Arc<Content>, bool) {
        let mut kept = locked(&self.kept);
        let found = kept.iter().position(|(other, _)| other == key);
        let entry = found.and_then(|index| kept.remove(index));
        let new = entry.is_none();
        let (key, content) = entry.unwrap_or_else(|| (key.clone(), Arc::default()));
        kept.push_back((key, Arc::clone(&content)));
        while kept.len() > KEPT {
            kept.pop_front();
        }
        (content, new)
    }

    fn forget(&self, key: &Key) {
        locked(&self.kept).retain(|(other, _)| other != key);
    }

    /// The mean of `thickness` slices across x from `start` on, `[z][y]`.
    pub(super) fn slab(
        self: &Arc<Self>,
        path: &Path,
        shape: [usize; 3],
        start: usize,
        thickness: usize,
    ) -> Result<Vec<f32>, String> {
        let [nz, ny, _] = shape;
        let width = (BLOCK / (4 * nz * ny)).clamp(1, WIDEST);
        let volume = Volume { path, shape, width };
        let mut sum = vec![0.0_f32; nz * ny];
        let scale = 1.0 / thickness as f32;
        for first in (volume.start(start)..start + thickness).step_by(width) {
            let key = (path.to_path_buf(), first);
            let (content, _) = self.place(&key);
            let block = match content.get_or_init(|| volume.read(first)) {
                Ok(block) => block,
                Err(problem) => {
                    // It may be readable the next time.
                    self.forget(&key);
                    return Err(problem.clone());
                }
            };
            let columns = volume.columns(first);
            let inside = start.max(first) - first..(start + thickness).min(first + columns) - first;
            for (line, section) in sum
                .chunks_exact_mut(ny)
                .zip(block.chunks_exact(ny * columns))
            {
                for x in inside.clone() {
                    super::slice::add(line, &section[x * ny..][..ny], scale);
                }
            }
        }
        self.read_ahead(&volume, start);
        Ok(sum)
    }

    /// Reads the next block on the side that one moves to, beside whatever is asked meanwhile.
    fn read_ahead(self: &Arc<Self>, volume: &Volume<'_>, x: usize) {
        let key = (volume.path.to_path_buf(), x);
        let before = locked(&self.last).replace(key);
        let back = before.is_some_and(|(path, column)| path == volume.path && column > x);
        let here = volume.start(x);
        let next = if back {
            here.checked_sub(volume.width)
        } else {
            Some(here + volume.width).filter(|next| *next < volume.shape[2])
        };
        let Some(next) = next else { return };
        let (content, new) = self.place(&(volume.path.to_path_buf(), next));
        if !new {
            return;
        }
        let (path, shape, width) = (volume.path.to_path_buf(), volume.shape, volume.width);
        std::thread::spawn(move || {
            let volume = Volume {
                path: &path,
                shape,
                width,
            };
            // Whoever asks for it meanwhile waits for this; an error is told then.
            content.get_or_init(|| volume.read(next));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_images::mrc::write_volume;

    #[test]
    fn slabs_across_blocks_are_those_of_the_array() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume.mrc");
        let shape = [3, 5, 150];
        let value = |z: usize, y: usize, x: usize| (1000 * z + 200 * y + x) as f32;
        let voxels: Vec<f32> = (0..3 * 5 * 150)
            .map(|k| value(k / 750, k / 150 % 5, k % 150))
            .collect();
        write_volume(&path, &voxels, shape, Some(2.0)).unwrap();
        let blocks = Arc::new(Blocks::default());
        // Forth, back, across the borders of blocks, with the last one narrower than the others.
        for (start, thickness) in [
            (0, 1),
            (70, 1),
            (149, 1),
            (60, 10),
            (3, 1),
            (100, 50),
            (0, 150),
        ] {
            let found = blocks.slab(&path, shape, start, thickness).unwrap();
            for (k, mean) in found.iter().enumerate() {
                let middle = start as f32 + (thickness as f32 - 1.0) / 2.0;
                let expected = value(k / 5, k % 5, 0) + middle;
                assert!((mean - expected).abs() < 0.01, "{start} {thickness} {k}");
            }
            assert!(locked(&blocks.kept).len() <= KEPT);
        }
        // A file that went is an error, and is not remembered.
        let blocks = Arc::new(Blocks::default());
        let lost = directory.path().join("lost.mrc");
        assert!(blocks.slab(&lost, shape, 0, 1).is_err());
        std::fs::rename(&path, &lost).unwrap();
        assert!(blocks.slab(&lost, shape, 0, 1).is_ok());
    }
}
