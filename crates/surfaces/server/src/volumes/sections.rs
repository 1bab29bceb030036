//! Sections that were read last, as small as they are shown: a slab that moves by one section needs one more, not all of them
//! again. While one looks at a slab, what the next step and the next leap on that side need is read ahead.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use thon_images::ImageError;
use thon_images::mrc::Mrc;

use super::binned;

/// Bytes that are kept.
const KEPT: usize = 128 << 20;
/// Sections that the page leaps over.
const LEAP: usize = 10;
/// Rows of the answer that are read at a time.
const BAND: usize = 64;

/// The file, the section, and by what it is binned.
type Key = (PathBuf, usize, usize);

#[derive(Default)]
struct Kept {
    sections: VecDeque<(Key, Arc<Vec<f32>>)>,
    bytes: usize,
}

/// The sections that were read last, of all volumes.
#[derive(Default)]
pub(crate) struct Sections {
    kept: Mutex<Kept>,
    /// The slab that was asked for last.
    last: Mutex<Option<(PathBuf, usize)>>,
    /// Something is being read ahead.
    ahead: AtomicBool,
}

impl Sections {
    fn find(&self, key: &Key) -> Option<Arc<Vec<f32>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.sections.iter().position(|(other, _)| other == key)?;
        let entry = kept.sections.remove(index)?;
        let section = Arc::clone(&entry.1);
        kept.sections.push_back(entry);
        Some(section)
    }

    fn keep(&self, key: Key, section: &Arc<Vec<f32>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.sections.iter().any(|(other, _)| *other == key) {
            return;
        }
        kept.bytes += 4 * section.len();
        kept.sections.push_back((key, Arc::clone(section)));
        while kept.bytes > KEPT && kept.sections.len() > 1 {
            let gone = kept.sections.pop_front().map_or(0, |(_, old)| old.len());
            kept.bytes -= 4 * gone;
        }
    }

    fn section(
        &self,
        file: &Mrc<'_>,
        key: Key,
        [ny, nx]: [usize; 2],
    ) -> Result<Arc<Vec<f32>>, ImageError> {
        if let Some(section) = self.find(&key) {
            return Ok(section);
        }
        let (z, factor) = (key.1, key.2);
        let (my, mx) = (ny / factor, nx / factor);
        let mut section = vec![0.0_f32; my * mx];
        let bands = section.par_chunks_mut(BAND * mx).enumerate();
        bands.try_for_each(|(band, out)| {
            let rows = out.len() / mx * factor;
            let window = file.read_window(z, band * BAND * factor, 0, rows, nx)?;
            out.copy_from_slice(&binned(&window, [rows, nx], factor).0);
            Ok::<(), ImageError>(())
        })?;
        let section = Arc::new(section);
        self.keep(key, &section);
        Ok(section)
    }

    /// Reads what the next step and the next leap need, on the side that one moves to, beside whatever is asked meanwhile.
    pub(super) fn read_ahead(
        self: &Arc<Self>,
        path: &Path,
        shape: [usize; 3],
        start: usize,
        thickness: usize,
        factor: usize,
    ) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace((path.to_path_buf(), start));
        drop(last);
        // Only who moves is helped, and one at a time.
        let moved = before.filter(|(of, at)| of == path && *at != start);
        let Some((_, before)) = moved else { return };
        let [nz, ny, nx] = shape;
        let area = (ny / factor) * (nx / factor);
        let fits = area > 0 && 2 * (thickness + 2) * area * 4 <= KEPT;
        if !fits || self.ahead.swap(true, Ordering::AcqRel) {
            return;
        }
        let (sections, path) = (Arc::clone(self), path.to_path_buf());
        std::thread::spawn(move || {
            if let Ok(file) = Mrc::open(&path) {
                for z in next(before < start, start, thickness, nz) {
                    // What cannot be read is told when it is asked for.
                    let key = (path.clone(), z, factor);
                    let _ = sections.section(&file, key, [ny, nx]);
                }
            }
            sections.ahead.store(false, Ordering::Release);
        });
    }

    /// The mean of `thickness` sections from `start` on, binned by `factor`; and its rows and columns.
    pub(super) fn slab(
        &self,
        path: &Path,
        file: &Mrc<'_>,
        start: usize,
        thickness: usize,
        factor: usize,
    ) -> Result<(Vec<f32>, [usize; 2]), ImageError> {
        let [_, ny, nx] = file.shape();
        let size = [ny / factor, nx / factor];
        let mut sum = vec![0.0_f32; size[0] * size[1]];
        if sum.is_empty() {
            return Ok((sum, size));
        }
        let scale = 1.0 / thickness as f32;
        for z in start..start + thickness {
            let section = self.section(file, (path.to_path_buf(), z, factor), [ny, nx])?;
            super::slice::add(&mut sum, &section, scale);
        }
        Ok((sum, size))
    }
}

/// The sections that a step and a leap from a slab need beyond its own.
fn next(up: bool, start: usize, thickness: usize, nz: usize) -> Vec<usize> {
    let leap = if up {
        start + LEAP
    } else {
        start.saturating_sub(LEAP)
    };
    let leap = leap.min(nz.saturating_sub(thickness));
    let step = if up {
        (start + thickness < nz).then_some(start + thickness)
    } else {
        start.checked_sub(1)
    };
    let own = start..start + thickness;
    let others = (leap..leap + thickness).filter(|z| !own.contains(z) && Some(*z) != step);
    step.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_images::mrc::write_volume;

    #[test]
    fn slabs_are_means_of_binned_sections_kept_or_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume.mrc");
        let (nz, ny, nx) = (4, 150, 7);
        let value = |z: usize, y: usize, x: usize| (1000 * z + 10 * y + x) as f32;
        let voxels: Vec<f32> = (0..nz * ny * nx)
            .map(|k| value(k / (ny * nx), k / nx % ny, k % nx))
            .collect();
        write_volume(&path, &voxels, [nz, ny, nx], Some(2.0)).unwrap();
        let file = Mrc::open(&path).unwrap();
        let sections = Sections::default();
        for (start, thickness, factor) in [(0, 1, 1), (1, 3, 1), (1, 3, 1), (0, 2, 2), (2, 2, 3)] {
            let (found, size) = sections
                .slab(&path, &file, start, thickness, factor)
                .unwrap();
            assert_eq!(size, [ny / factor, nx / factor]);
            let middle = |k: usize| (k * factor) as f32 + (factor as f32 - 1.0) / 2.0;
            for (k, mean) in found.iter().enumerate() {
                let (y, x) = (middle(k / size[1]), middle(k % size[1]));
                let z = start as f32 + (thickness as f32 - 1.0) / 2.0;
                assert!(
                    (mean - (1000.0 * z + 10.0 * y + x)).abs() < 0.01,
                    "{k}: {mean}"
                );
            }
        }
        let kept = sections.kept.lock().unwrap();
        let bytes: usize = kept.sections.iter().map(|(_, s)| 4 * s.len()).sum();
        assert_eq!(kept.bytes, bytes);
        drop(kept);
        // Narrower than the pixels that are shown: nothing, and no panic.
        let (none, _) = sections.slab(&path, &file, 0, 1, 8).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn what_comes_next_is_read_ahead() {
        assert_eq!(next(true, 20, 2, 100), [22, 30, 31]);
        assert_eq!(next(false, 20, 2, 100), [19, 10, 11]);
        assert_eq!(next(true, 97, 3, 100), Vec::<usize>::new());
        assert_eq!(next(false, 0, 3, 100), Vec::<usize>::new());
        assert_eq!(next(false, 4, 2, 100), [3, 0, 1]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume.mrc");
        write_volume(&path, &[1.0; 40 * 9], [40, 3, 3], Some(2.0)).unwrap();
        let file = Mrc::open(&path).unwrap();
        let sections = Arc::new(Sections::default());
        for start in [4, 5] {
            sections.slab(&path, &file, start, 1, 1).unwrap();
            sections.read_ahead(&path, file.shape(), start, 1, 1);
        }
        let began = std::time::Instant::now();
        let read = |z: usize| sections.find(&(path.clone(), z, 1)).is_some();
        while !(read(6) && read(15)) {
            assert!(began.elapsed().as_secs() < 20, "nothing was read ahead");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(!read(7));
    }
}
