//! Where the reconstructed volume lies about IMOD's rotation centre, from `tilt.com` and `newst.com`.

use glam::DVec3;
use thon_formats::imod::command_file::{Command, CommandFile};
use thon_geometry::Grid;
use thon_units::PixelSize;

use crate::InteropError;
use crate::centre;

/// Size and place of a volume about the rotation centre, in pixels of the raw stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Size `[z, y, x]`; zeros (taken as even) when unknown.
    pub size: [usize; 3],
    /// Middle of the volume seen from the rotation centre, (x, y, z).
    pub offset: DVec3,
    /// Distance of the tilt axis from the middle of the aligned image, to the right.
    pub axis_offset: f64,
    /// Degrees added to every tilt angle.
    pub angle_offset: f64,
    /// Degrees by which the whole specimen was found tilted about x (XAXISTILT).
    pub x_axis_tilt: f64,
}

impl Placement {
    /// A volume whose middle is the rotation centre.
    pub fn centred(size: [usize; 3]) -> Self {
        Self {
            size,
            offset: DVec3::ZERO,
            axis_offset: 0.0,
            angle_offset: 0.0,
            x_axis_tilt: 0.0,
        }
    }

    /// The model's origin (voxel ⌊n/2⌋) seen from the rotation centre.
    pub(super) fn origin(&self) -> DVec3 {
        centre::from_edge_middle(self.size) + self.offset
    }

    /// The grid of a tomogram of `dims` `[z, y, x]` made with this placement at some binning: both share their
    /// middle, not their centre voxels.
    pub fn tomogram_grid(&self, dims: [usize; 3], binning: f64, pixel_size: PixelSize) -> Grid {
        let voxel = pixel_size.0 * binning;
        let mut grid = Grid::new(dims, PixelSize(voxel));
        let middle = centre::from_edge_middle(dims) * voxel
            - centre::from_edge_middle(self.size) * pixel_size.0;
        grid.centre = thon_geometry::Point::from_vector(middle);
        grid
    }

    /// Reads `tilt.com` (and `newst.com`); `aligned` is the size `[ny, nx]` of the raw stack, used when the files
    /// do not say how large the aligned stack is.
    pub fn from_commands(
        tilt: Option<&CommandFile>,
        newstack: Option<&CommandFile>,
        raw: [usize; 2],
    ) -> Result<Self, InteropError> {
        let Some(command) = tilt.and_then(|file| file.command("tilt")) else {
            return Ok(Self::centred([0, 0, 0]));
        };
        let full = pair(command, "FULLIMAGE")?;
        let subset = pair(command, "SUBSETSTART")?.unwrap_or([0.0, 0.0]);
        let aligned = match aligned_size(newstack)? {
            Some(size) => size,
            None => full.map_or([raw[1] as f64, raw[0] as f64], |full| {
                [full[0] - 2.0 * subset[0], full[1] - 2.0 * subset[1]]
            }),
        };
        let full = full.unwrap_or(aligned);
        let thickness = first(command, "THICKNESS")?.unwrap_or(0.0);
        let width = first(command, "WIDTH")?.unwrap_or(aligned[0]);
        let offset = command.numbers("OFFSET")?.unwrap_or_default();
        let shift = command.numbers("SHIFT")?.unwrap_or_default();
        let at = |values: &[f64], index: usize| values.get(index).copied().unwrap_or(0.0);
        let axis_offset = at(&offset, 1);
        let (rows, middle) = match pair(command, "SLICE")? {
            Some([from, to]) => (
                to - from + 1.0,
                f64::midpoint(from, to) - (aligned[1] - 1.0) / 2.0,
            ),
            None => (aligned[1], 0.0),
        };
        let place = |axis: usize| f64::midpoint(aligned[axis], -full[axis]) + subset[axis];
        let size = [thickness, rows, width].map(|length| {
            let plausible = length >= 1.0 && length <= centre::LONGEST as f64;
            if plausible { length as usize } else { 0 }
        });
        Ok(Self {
            size: if size.contains(&0) { [0, 0, 0] } else { size },
            offset: DVec3::new(
                place(0) - axis_offset - at(&shift, 0),
                place(1) + middle,
                at(&shift, 1),
            ),
            axis_offset,
            angle_offset: at(&offset, 0),
            x_axis_tilt: first(command, "XAXISTILT")?.unwrap_or(0.0),
        })
    }
}

fn first(command: &Command, key: &str) -> Result<Option<f64>, InteropError> {
    Ok(command
        .numbers(key)?
        .and_then(|values| values.first().copied()))
}

fn pair(command: &Command, key: &str) -> Result<Option<[f64; 2]>, InteropError> {
    let values = command.numbers(key)?;
    Ok(values.and_then(|values| values.get(..2).map(|pair| [pair[0], pair[1]])))
}

/// Size (x, y) of the aligned stack in raw pixels, from `newst.com`.
fn aligned_size(newstack: Option<&CommandFile>) -> Result<Option<[f64; 2]>, InteropError> {
    let Some(command) = newstack.and_then(|file| file.command("newstack")) else {
        return Ok(None);
    };
    let binning = first(command, "BinByFactor")?.unwrap_or(1.0);
    let size = pair(command, "SizeToOutputInXandY")?;
    Ok(size.map(|size| size.map(|length| length * binning)))
}
