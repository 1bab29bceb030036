//! The half ball of lattice points that one half of Fourier space needs, ordered by shell.

/// The shell of a position: its distance from the origin in cycles per box, rounded.
pub fn shell_of(position: [f32; 3]) -> usize {
    let [x, y, z] = position.map(f64::from);
    (x * x + y * y + z * z).sqrt().round() as usize
}

/// All lattice points of one half of Fourier space with 1 ≤ shell ≤ band, by shell, then z, y, x.
///
/// A half ball of a smaller band is a prefix of that of a larger one.
///
/// ```
/// let ball = thon_likelihood::HalfBall::new(2);
/// assert!(ball.points.contains(&[1, 1, 0]) && !ball.points.contains(&[-1, 0, 0]));
/// assert_eq!(ball.count_to(1) + ball.count_in(2), ball.points.len());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfBall {
    /// Largest shell.
    pub band: usize,
    /// The points (x, y, z): x > 0, or x = 0 and y > 0, or x = y = 0 and z > 0.
    pub points: Vec<[i16; 3]>,
    /// Where shell s begins; `starts[band + 1]` is the number of points.
    pub starts: Vec<usize>,
}

impl HalfBall {
    /// The half ball of a band.
    pub fn new(band: usize) -> Self {
        let reach = band as i16 + 1;
        let mut shells: Vec<Vec<[i16; 3]>> = vec![Vec::new(); band + 1];
        let planes = (-reach..=reach).flat_map(|z| (-reach..=reach).map(move |y| (y, z)));
        for [x, y, z] in planes.flat_map(|(y, z)| (0..=reach).map(move |x| [x, y, z])) {
            let kept = x > 0 || y > 0 || (y == 0 && z > 0);
            let shell = shell_of([x, y, z].map(f32::from));
            if kept && (1..=band).contains(&shell) {
                shells[shell].push([x, y, z]);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_their_mates_fill_the_ball_once() {
        let ball = HalfBall::new(6);
        let mut all: Vec<[i16; 3]> = ball.points.clone();
        all.extend(ball.points.iter().map(|p| p.map(|c| -c)));
        all.sort_unstable();
        all.dedup();
        let reach = -7..=7_i16;
        let expected = reach.clone().flat_map(|z| {
            let reach = reach.clone();
            reach
                .clone()
                .flat_map(move |y| reach.clone().map(move |x| [x, y, z]))
        });
        let inside = expected
            .filter(|p| (1..=6).contains(&shell_of(p.map(f32::from))))
            .count();
        assert_eq!(all.len(), inside);
        assert_eq!(HalfBall::new(4).points[..], ball.points[..ball.count_to(4)]);
    }
}
