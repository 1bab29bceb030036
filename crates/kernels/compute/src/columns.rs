//! The strided middle axis of an array `[outer][length][inner]`, worked on in blocks of neighbouring columns.
//!
//! Each block of up to `width` columns is gathered into a contiguous buffer (column after column), handed to the
//! caller's closure, and scattered back. Sixteen columns of complex f32 are two cache lines wide, so each line of
//! the array is read and written once per pass. Blocks run in parallel.

use std::cell::RefCell;

use bytemuck::Pod;
use rayon::prelude::*;

/// Extents of the array seen as `[outer][length][inner]`, the middle axis being the one worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strided {
    /// Product of the extents before the axis.
    pub outer: usize,
    /// Extent of the axis: elements per column.
    pub length: usize,
    /// Product of the extents after the axis: the stride between neighbours in a column.
    pub inner: usize,
}

impl Strided {
    fn elements(self) -> usize {
        self.outer * self.length * self.inner
    }

    /// (first element, number of columns) of block `block`, with `width` columns to a full block.
    fn block(self, block: usize, width: usize) -> (usize, usize) {
        let per_outer = self.inner.div_ceil(width);
        let column = (block % per_outer) * width;
        let start = (block / per_outer) * self.length * self.inner + column;
        (start, width.min(self.inner - column))
    }
}

/// A pointer that threads may share; each uses it for its own elements only.
struct Shared<T>(*mut T);
// SAFETY: the pointer is dereferenced only inside `for_each_block`, where every block touches its own elements.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

thread_local! {
    /// Buffers not in use, the one wanted next on top.
    static FREE: RefCell<Vec<Vec<u128>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `work` a buffer of `count` elements that this thread keeps between calls; contents are what was left there.
///
/// `T` is plain data of alignment ≤ 16. Calls may nest: each depth has its own buffer, kept as well.
pub fn with_buffer<T: Pod, R>(count: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    let words = (count * size_of::<T>()).div_ceil(size_of::<u128>());
    let mut kept = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if kept.len() < words {
        kept.resize(words, 0);
    }
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut kept);
    let result = work(bytemuck::cast_slice_mut(
        &mut bytes[..count * size_of::<T>()],
    ));
    FREE.with_borrow_mut(|free| free.push(kept));
    result
}

/// Calls `work` on every block of at most `width` columns, in parallel. The closure gets the columns one after the other
/// (`columns × length` elements) and may change them.
///
/// # Panics
/// When `data` does not have `outer × length × inner` elements or `width` is zero.
pub fn for_each_block<T: Pod + Send>(
    data: &mut [T],
    axis: Strided,
    width: usize,
    work: impl Fn(&mut [T]) + Sync,
) {
    assert_eq!(
        data.len(),
        axis.elements(),
        "array of {} elements against {axis:?}",
        data.len()
    );
    assert!(width > 0, "a block needs at least one column");
    if data.is_empty() {
        return;
    }
    let blocks = axis.outer * axis.inner.div_ceil(width);
    let shared = Shared(data.as_mut_ptr());
    (0..blocks).into_par_iter().for_each(|block| {
        let (start, columns) = axis.block(block, width);
        with_buffer(columns * axis.length, |buffer: &mut [T]| {
            for row in 0..axis.length {
                // SAFETY: elements start + row·inner .. + columns lie inside `data` (block() keeps columns within
                // `inner`), and no other block has any of them.
                let line = unsafe {
                    std::slice::from_raw_parts_mut(
                        shared.get().add(start + row * axis.inner),
                        columns,
                    )
                };
                for (column, value) in line.iter().enumerate() {
                    buffer[column * axis.length + row] = *value;
                }
            }
            work(buffer);
            for row in 0..axis.length {
                // SAFETY: as above.
                let line = unsafe {
                    std::slice::from_raw_parts_mut(
                        shared.get().add(start + row * axis.inner),
                        columns,
                    )
                };
                for (column, value) in line.iter_mut().enumerate() {
                    *value = buffer[column * axis.length + row];
                }
            }
        });
    });
}

/// The safe twin of [`for_each_block`]: one thread, plain indexing, same blocks.
///
/// # Panics
/// As [`for_each_block`].
pub fn for_each_block_plain<T: Pod + Send>(
    data: &mut [T],
    axis: Strided,
    width: usize,
    work: impl Fn(&mut [T]),
) {
    assert_eq!(
        data.len(),
        axis.elements(),
        "array of {} elements against {axis:?}",
        data.len()
    );
    assert!(width > 0, "a block needs at least one column");
    let Some(&first) = data.first() else { return };
    for block in 0..axis.outer * axis.inner.div_ceil(width) {
        let (start, columns) = axis.block(block, width);
        let mut buffer = vec![first; columns * axis.length];
        for row in 0..axis.length {
            for column in 0..columns {
                buffer[column * axis.length + row] = data[start + row * axis.inner + column];
            }
        }
        work(&mut buffer);
        for row in 0..axis.length {
            for column in 0..columns {
                data[start + row * axis.inner + column] = buffer[column * axis.length + row];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running_sum(length: usize) -> impl Fn(&mut [f32]) {
        move |block| {
            for column in block.chunks_mut(length) {
                for i in 1..length {
                    column[i] += column[i - 1];
                }
            }
        }
    }

    #[test]
    fn the_parallel_blocks_equal_the_plain_ones() {
        for (outer, length, inner) in [
            (1, 1, 1),
            (1, 5, 33),
            (3, 7, 16),
            (4, 2, 50),
            (2, 9, 1),
            (0, 3, 3),
            (2, 0, 3),
        ] {
            let axis = Strided {
                outer,
                length,
                inner,
            };
            let start: Vec<f32> = (0..outer * length * inner)
                .map(|i| ((i * 31) % 17) as f32)
                .collect();
            let (mut fast, mut plain) = (start.clone(), start.clone());
            for_each_block(&mut fast, axis, 16, running_sum(length));
            for_each_block_plain(&mut plain, axis, 16, running_sum(length));
            assert_eq!(fast, plain, "{axis:?}");
            for (last, first) in (0..outer * inner).filter(|_| length > 0).map(|column| {
                let first = column / inner * length * inner + column % inner;
                (first + (length - 1) * inner, first)
            }) {
                let expected: f32 = (0..length).map(|row| start[first + row * inner]).sum();
                assert_eq!(fast[last], expected);
            }
        }
    }

    #[test]
    fn buffers_nest_and_are_used_again() {
        let addresses = || {
            with_buffer(8, |outer: &mut [f32]| {
                outer.fill(1.0);
                let inner = with_buffer(100, |inner: &mut [f64]| {
                    inner.fill(2.0);
                    inner.as_ptr().addr()
                });
                assert!(outer.iter().all(|v| *v == 1.0));
                (outer.as_ptr().addr(), inner)
            })
        };
        let first = addresses();
        assert_ne!(first.0, first.1);
        assert_eq!(addresses(), first);
    }

    #[test]
    #[should_panic(expected = "array of 5 elements")]
    fn wrong_extents_are_refused() {
        for_each_block(
            &mut [0.0_f32; 5],
            Strided {
                outer: 1,
                length: 2,
                inner: 3,
            },
            16,
            |_| {},
        );
    }
}
