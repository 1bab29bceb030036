//! The largest connected piece of a set of voxels: masks without islands of noise.

use ndarray::Array3;

/// Keeps the largest piece of the inside, voxels connected through faces; the first in `[z, y, x]` order among equals.
pub fn largest_component(inside: &Array3<bool>) -> Array3<bool> {
    let mut label = Array3::<u32>::zeros(inside.dim());
    let (mut best, mut best_size, mut next) = (0, 0, 1);
    for (start, _) in inside.indexed_iter().filter(|(_, is)| **is) {
        if label[start] == 0 {
            let size = flood(inside, &mut label, start, next);
            if size > best_size {
                (best, best_size) = (next, size);
            }
            next += 1;
        }
    }
    label.mapv(|of| best != 0 && of == best)
}

/// Sizes in voxels of the connected pieces (through faces), largest first.
pub fn components(inside: &Array3<bool>) -> Vec<usize> {
    let mut label = Array3::<u32>::zeros(inside.dim());
    let mut sizes = Vec::new();
    for (start, _) in inside.indexed_iter().filter(|(_, is)| **is) {
        if label[start] == 0 {
            let number = sizes.len() as u32 + 1;
            sizes.push(flood(inside, &mut label, start, number));
        }
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

/// Labels the piece that holds `start`; returns its number of voxels.
fn flood(
    inside: &Array3<bool>,
    label: &mut Array3<u32>,
    start: (usize, usize, usize),
    number: u32,
) -> usize {
    let mut open = vec![start];
    label[start] = number;
    let mut size = 0;
    while let Some((z, y, x)) = open.pop() {
        size += 1;
        let neighbours = [
            (z.wrapping_sub(1), y, x),
            (z + 1, y, x),
            (z, y.wrapping_sub(1), x),
            (z, y + 1, x),
            (z, y, x.wrapping_sub(1)),
            (z, y, x + 1),
        ];
        for place in neighbours {
            if inside.get(place) == Some(&true) && label[place] == 0 {
                label[place] = number;
                open.push(place);
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn islands_are_left_out() {
        let mut inside = Array3::from_elem((6, 6, 6), false);
        for z in 1..4 {
            for x in 1..5 {
                inside[[z, 2, x]] = true;
            }
        }
        inside[[5, 5, 5]] = true;
        inside[[0, 0, 0]] = true;
        inside[[4, 3, 2]] = true; // touches the piece by an edge only
        let kept = largest_component(&inside);
        assert_eq!(kept.iter().filter(|is| **is).count(), 12);
        assert!(kept[[2, 2, 3]] && !kept[[4, 3, 2]]);
        assert_eq!(components(&inside), [12, 1, 1, 1]);
        let nothing = Array3::from_elem((3, 3, 3), false);
        assert_eq!(largest_component(&nothing), nothing);
    }
}
