//! Which frequency an index of a spectrum holds, and lengths that transform quickly.

/// The frequency index an element of a full axis holds: 0, 1, …, then negative ones. At the Nyquist index of an even
/// axis (`n/2`) this is −n/2, which stands for +n/2 as well.
///
/// ```
/// use thon_signal::fft::signed_index;
/// assert_eq!([0, 1, 2, 3].map(|i| signed_index(i, 4)), [0, 1, -2, -1]);
/// assert_eq!([0, 1, 2, 3, 4].map(|i| signed_index(i, 5)), [0, 1, 2, -2, -1]);
/// ```
pub fn signed_index(index: usize, length: usize) -> isize {
    if 2 * index < length {
        index as isize
    } else {
        index as isize - length as isize
    }
}

/// The element of a full axis that holds frequency index `signed`, modulo the length: the inverse of
/// [`signed_index`]. `length` must not be zero.
pub fn wrapped_index(signed: isize, length: usize) -> usize {
    signed.rem_euclid(length as isize) as usize
}

/// The frequency of an element of a full axis in cycles per pixel, in [−0.5, 0.5).
pub fn frequency(index: usize, length: usize) -> f64 {
    signed_index(index, length) as f64 / length as f64
}

/// The element that holds the opposite frequency: itself for zero and for the Nyquist index of an even axis.
pub fn mirrored_index(index: usize, length: usize) -> usize {
    if index == 0 { 0 } else { length - index }
}

/// Elements of the half axis: `length/2 + 1`. Index `i` holds frequency +i, the Nyquist index of an even axis too.
pub fn half_length(length: usize) -> usize {
    length / 2 + 1
}

fn is_fast(mut length: usize) -> bool {
    for factor in [2, 3, 5, 7] {
        while length.is_multiple_of(factor) {
            length /= factor;
        }
    }
    length == 1
}

/// The smallest length ≥ `length` without prime factors above 7.
///
/// ```
/// assert_eq!(thon_signal::fft::next_fast_length(11), 12);
/// assert_eq!(thon_signal::fft::next_fast_length(4092), 4096);
/// ```
pub fn next_fast_length(length: usize) -> usize {
    (length.max(1)..=usize::MAX)
        .find(|&candidate| is_fast(candidate))
        .unwrap_or(length)
}

/// As [`next_fast_length`] among even lengths.
pub fn next_fast_even_length(length: usize) -> usize {
    2 * next_fast_length(length.div_ceil(2))
}
