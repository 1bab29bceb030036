//! Reads `tilt_series.star` or `tomograms.star` of RELION 4 (matrices) and 5 (angles) with its per-series tables.

use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::star::{self, StarFile, Table};
use thon_images::mrc::Mrc;
use thon_model::{Carried, TiltImage, TiltSeries};
use thon_units::{Degrees, PixelSize};

use super::series_context::{defocus_hand, global_context, hand_of, optics};
use super::tilt_image::{SeriesContext, matrix_rows, read_row};
use super::{Generation, project_root};
use crate::columns::{Cells, carried_of, carried_row, resolved};
use crate::{Imported, InteropError, LossKind, Losses};

/// What the files themselves may not say.
#[derive(Clone, Debug, Default)]
pub struct TiltSeriesImport {
    /// Folder that relative paths start from; found from the paths themselves when absent.
    pub root: Option<PathBuf>,
    /// Size of the tilt images `[ny, nx]`, for metadata without images.
    pub image_size: Option<[usize; 2]>,
}

/// Reads a set of tilt series. Units of the model; every column is carried.
pub fn read_tilt_series(
    path: &Path,
    options: &TiltSeriesImport,
) -> Result<Imported<Vec<TiltSeries>>, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "RELION's table of tilt series"));
    }
    let file = star::read(path)?;
    let global = file.table("global")?;
    let column = global.find("rlnTomoTiltSeriesStarFile");
    let tokens: Vec<&str> = column
        .map(|column| column.strings().collect())
        .unwrap_or_default();
    let root = options
        .root
        .clone()
        .unwrap_or_else(|| project_root(path, &tokens));
    let mut imported = Imported::new(Vec::with_capacity(global.rows()));
    for row in 0..global.rows() {
        let place = Place {
            file: &file,
            path,
            root: &root,
            options,
        };
        let series = one_series(
            &place,
            global,
            row,
            &mut imported.losses,
            &mut imported.remarks,
        )?;
        imported.value.push(series);
    }
    Ok(imported)
}

struct Place<'a> {
    file: &'a StarFile,
    path: &'a Path,
    root: &'a Path,
    options: &'a TiltSeriesImport,
}

fn one_series(
    place: &Place<'_>,
    global: &Table,
    row: usize,
    losses: &mut Losses,
    remarks: &mut Vec<String>,
) -> Result<TiltSeries, InteropError> {
    let file_name = place.path.display().to_string();
    let global = carried_row(global, row, "relion");
    let cells = Cells {
        carried: &global,
        file: &file_name,
    };
    let name = cells
        .text("rlnTomoName", 0)
        .ok_or_else(|| InteropError::contradiction(&file_name, "a column _rlnTomoName", "none"))?
        .to_owned();
    let (generation, table_file, table) = table_of(place, cells, &name, remarks)?;
    let carried = carried_of(&table, generation.source());
    let rows = Cells {
        carried: &carried,
        file: &table_file,
    };
    let context = series_context(place, cells, rows, generation, table.rows())?;
    if context.rotations_only {
        remarks.push(format!(
            "{name}: its projection matrices hold rotations only (made for cut-out images); image shifts are unknown, 0 is taken"
        ));
    }
    if context.image_size == [0, 0] {
        remarks.push(format!(
            "{name}: no image is there to read the image size from"
        ));
    }
    let mut images = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        images.push(read_row(rows, row, &context, losses)?);
    }
    rank_by_dose(&mut images);
    let slope = cells.number("rlnTomoDefocusSlope", 0)?;
    losses.add(
        LossKind::DefocusHand,
        usize::from(slope.is_some_and(|slope| slope != 1.0)),
        "a defocus slope other than 1 stays in the carried columns only",
    );
    if cells.has("rlnTomoDeformationGridSizeX") {
        losses.add(
            LossKind::LocalAlignment,
            1,
            "2D deformation grids stay in the carried columns only",
        );
    }
    let optics = optics(cells, &name, remarks)?;
    let hand = hand_of(cells)?.map(|sign| defocus_hand(sign, &file_name));
    Ok(TiltSeries {
        name,
        pixel_size: PixelSize(context.pixel_size),
        image_size: context.image_size,
        volume_size: context.volume_size,
        optics,
        nominal_tilt_axis_angle: rows
            .number("rlnTomoNominalTiltAxisAngle", 0)?
            .map(|angle| Degrees(angle).radians()),
        defocus_hand: hand,
        images,
        carried,
        carried_global: Carried {
            source: generation.source().to_owned(),
            ..global
        },
    })
}

/// The per-image table of a series: in its own file (RELION 5) or in this one (RELION 4).
fn table_of(
    place: &Place<'_>,
    cells: Cells<'_>,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<(Generation, String, Table), InteropError> {
    let Some(token) = cells.text("rlnTomoTiltSeriesStarFile", 0) else {
        let table = place.file.table(name)?.clone();
        return Ok((Generation::Four, place.path.display().to_string(), table));
    };
    let mut path = resolved(place.root, token);
    if !path.exists() {
        let beside = Path::new(token)
            .file_name()
            .map(|name| place.path.with_file_name(name));
        path = beside.filter(|path| path.is_file()).ok_or_else(|| {
            let role = format!("tilt images of {name}, named by rlnTomoTiltSeriesStarFile");
            InteropError::missing(&path, role)
        })?;
        remarks.push(format!(
            "{token} not found; {} taken instead",
            path.display()
        ));
    }
    let file = star::read(&path)?;
    let table = match (file.find(name), file.blocks.len()) {
        (None, 1) => {
            let found = file.blocks[0].name();
            remarks.push(format!(
                "{}: block data_{found} taken for data_{name}",
                path.display()
            ));
            file.table(found)?.clone()
        }
        _ => file.table(name)?.clone(),
    };
    Ok((Generation::Five, path.display().to_string(), table))
}

fn series_context(
    place: &Place<'_>,
    global: Cells<'_>,
    rows: Cells<'_>,
    generation: Generation,
    count: usize,
) -> Result<SeriesContext, InteropError> {
    let mut context = global_context(global, generation, place.root, [0, 0])?;
    context.rotations_only = rotations_only(rows, count)?;
    let first = rows.text("rlnMicrographName", 0);
    let image = first.map(|token| super::tilt_image::image_reference(place.root, token).path);
    let candidate = image.or_else(|| context.stack.clone());
    context.image_size = match (place.options.image_size, candidate) {
        (Some(size), _) => size,
        (None, Some(path)) if path.exists() => {
            let header = Mrc::read_header(&path)?;
            [header.ny, header.nx]
        }
        _ => [0, 0],
    };
    Ok(context)
}

/// True when there are matrices and none of them moves anything although the views differ.
pub(super) fn rotations_only(cells: Cells<'_>, rows: usize) -> Result<bool, InteropError> {
    for row in 0..rows {
        match matrix_rows(cells, row)? {
            Some((_, translation)) if translation == DVec3::ZERO => {}
            _ => return Ok(false),
        }
    }
    Ok(rows > 0)
}

/// Rank in time from the exposure before each image, when no two are equal.
pub(crate) fn rank_by_dose(images: &mut [TiltImage]) {
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by(|&a, &b| images[a].dose_before.0.total_cmp(&images[b].dose_before.0));
    let distinct = order
        .windows(2)
        .all(|pair| images[pair[0]].dose_before != images[pair[1]].dose_before);
    if distinct {
        for (rank, &index) in order.iter().enumerate() {
            images[index].acquisition_index = Some(rank);
        }
    }
}
