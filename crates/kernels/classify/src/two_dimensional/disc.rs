//! The half disc of lattice points that one half of a planar Fourier space needs, ordered by shell.

/// The points (x, y) with 1 ≤ shell ≤ band, shell = rounded distance in cycles per box; x > 0, or x = 0 and y > 0.
///
/// A half disc of a smaller band is a prefix of that of a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfDisc {
    /// Largest shell.
    pub band: usize,
    /// The points, by shell, then y, x.
    pub points: Vec<[i16; 2]>,
    /// Where shell s begins; `starts[band + 1]` is the number of points.
    pub starts: Vec<usize>,
}

impl HalfDisc {
    /// The half disc of a band.
    pub fn new(band: usize) -> Self {
        let reach = band as i16 + 1;
        let mut shells: Vec<Vec<[i16; 2]>> = vec![Vec::new(); band + 1];
        for y in -reach..=reach {
            for x in 0..=reach {
                let shell = f64::from(x).hypot(f64::from(y)).round() as usize;
                if (x > 0 || y > 0) && (1..=band).contains(&shell) {
                    shells[shell].push([x, y]);
                }
            }
        }
        let mut starts = vec![0; band + 2];
        for s in 0..=band {
            starts[s + 1] = starts[s] + shells[s].len();
        }
        Self {
            band,
            points: shells.concat(),
            starts,
        }
    }

    /// Points in shells up to and including `shell`.
    pub fn count_to(&self, shell: usize) -> usize {
        self.starts[shell.min(self.band) + 1]
    }

    /// Points in one shell.
    pub fn count_in(&self, shell: usize) -> usize {
        self.starts[shell + 1] - self.starts[shell]
    }

    /// Shell and its range of points, from shell 1.
    pub fn shells(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + '_ {
        (1..=self.band).map(|s| (s, self.starts[s]..self.starts[s + 1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_their_mates_fill_the_disc_once() {
        let disc = HalfDisc::new(9);
        let mut all = disc.points.clone();
        all.extend(disc.points.iter().map(|p| p.map(|c| -c)));
        all.sort_unstable();
        all.dedup();
        let inside = (-10..=10_i32)
            .flat_map(|y| (-10..=10_i32).map(move |x| f64::from(x * x + y * y).sqrt().round()))
            .filter(|s| (1.0..=9.0).contains(s))
            .count();
        assert_eq!(all.len(), inside);
        let smaller = HalfDisc::new(5);
        assert_eq!(smaller.points[..], disc.points[..disc.count_to(5)]);
        assert_eq!(
            disc.shells().map(|(_, r)| r.len()).sum::<usize>(),
            disc.points.len()
        );
    }
}
