//! Writes tilt series as RELION 5 (angles, one file per series) or RELION 4 (matrices, one file).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use thon_formats::star::{self, Block, StarFile};
use thon_model::{Carried, TiltSeries};

use super::Generation;
use super::global_row::{global_row, put_stack, star_file_token};
use super::series_context::global_context;
use super::tilt_image::{SeriesContext, read_row};
use super::tilt_image_export::patch_row;
use super::tilt_series_import::rotations_only;
use crate::columns::{Cells, fits, loop_of, set, set_number};
use crate::error::create_parent;
use crate::{InteropError, LossKind, Losses};

/// Where and how to write.
#[derive(Clone, Debug)]
pub struct TiltSeriesExport {
    /// The project's folder; paths in the files are relative to it.
    pub root: PathBuf,
    /// The table of all series, relative to `root`.
    pub file: PathBuf,
    /// RELION 4 or 5.
    pub generation: Generation,
    /// Folder that the paths of the model are relative to in the source project; `root` when absent.
    pub source_root: Option<PathBuf>,
}

/// Writes the files; gives what RELION cannot hold.
pub fn write_tilt_series(
    series: &[TiltSeries],
    to: &TiltSeriesExport,
) -> Result<Losses, InteropError> {
    let number = match to.generation {
        Generation::Four => 4,
        Generation::Five => 5,
    };
    let mut losses = Losses::new(format!("RELION {number} tilt series"));
    check_names(series)?;
    let mut global = Carried {
        source: to.generation.source().to_owned(),
        columns: Vec::new(),
    };
    let mut tables = Vec::new();
    for (row, one) in series.iter().enumerate() {
        let mut own = global_row(one, to);
        let context = export_context(one, &own, to)?;
        let carried = rows_of(one, &context, &mut losses)?;
        if to.generation == Generation::Five {
            let token = star_file_token(one, &own);
            set(
                &mut own,
                1,
                "rlnTomoTiltSeriesStarFile",
                0,
                token.clone(),
                "",
            );
            write_one(&to.root.join(&token), &one.name, &carried)?;
        } else {
            put_stack(one, &mut own, to, &mut losses);
            tables.push(version(
                Block::new(&one.name, vec![loop_of(&carried)?]),
                Generation::Four,
            ));
        }
        append_row(&mut global, series.len(), row, &own);
        series_losses(one, to.generation, &mut losses);
    }
    let mut blocks = vec![version(
        Block::new("global", vec![loop_of(&global)?]),
        to.generation,
    )];
    blocks.extend(tables);
    let path = to.root.join(&to.file);
    create_parent(&path)?;
    star::write_to(&StarFile::new(blocks), &path)?;
    Ok(losses)
}

/// Names become block names: no blanks, none twice.
fn check_names(series: &[TiltSeries]) -> Result<(), InteropError> {
    let mut seen = BTreeSet::new();
    for one in series {
        let name = one.name.as_str();
        if name.is_empty() || name.contains(char::is_whitespace) || !seen.insert(name) {
            let expected = "a name without blanks, of one tilt series only";
            return Err(
                InteropError::contradiction("tilt series", expected, format!("'{name}'"))
                    .with_hint("RELION finds a series by its name: rename it"),
            );
        }
    }
    Ok(())
}

fn version(block: Block, generation: Generation) -> Block {
    block.with_comment(match generation {
        Generation::Four => "version 40001",
        Generation::Five => "version 50001",
    })
}

fn write_one(path: &Path, name: &str, carried: &Carried) -> Result<(), InteropError> {
    create_parent(path)?;
    let block = version(Block::new(name, vec![loop_of(carried)?]), Generation::Five);
    Ok(star::write_to(&StarFile::new(vec![block]), path)?)
}

/// Adds a row of global columns; columns that only some series have are filled with `None`.
fn append_row(global: &mut Carried, rows: usize, row: usize, own: &Carried) {
    for column in &own.columns {
        let token = column.values.first().cloned().unwrap_or_default();
        set(global, rows, &column.label, row, token, "None");
    }
}

fn export_context(
    series: &TiltSeries,
    own: &Carried,
    to: &TiltSeriesExport,
) -> Result<SeriesContext, InteropError> {
    let place = to.file.display().to_string();
    let cells = Cells {
        carried: own,
        file: &place,
    };
    let root = to.source_root.as_deref().unwrap_or(&to.root);
    let mut context = global_context(cells, to.generation, root, series.image_size)?;
    context.volume_size = series.volume_size;
    if let Some(rows) = carried_rows(series, to.generation) {
        context.rotations_only = rotations_only(
            Cells {
                carried: rows,
                file: &place,
            },
            series.images.len(),
        )?;
    }
    let aligned = series.images.iter().any(|image| image.geometry.is_some());
    let unknown = series.image_size == [0, 0] || series.volume_size.is_none();
    if to.generation == Generation::Four && aligned && unknown && !context.rotations_only {
        return Err(InteropError::contradiction(
            &series.name,
            "sizes of the images and of the volume",
            "unknown sizes",
        )
        .with_hint(
            "a matrix of RELION 4 measures from corners; give the sizes or export to RELION 5",
        ));
    }
    Ok(context)
}

/// The carried rows, when they are of this generation and belong to these images.
fn carried_rows(series: &TiltSeries, generation: Generation) -> Option<&Carried> {
    let same = Generation::of(&series.carried.source) == Some(generation);
    (same && fits(&series.carried, series.images.len())).then_some(&series.carried)
}

/// Columns of one series with the rows of its used images.
fn rows_of(
    series: &TiltSeries,
    context: &SeriesContext,
    losses: &mut Losses,
) -> Result<Carried, InteropError> {
    let count = series.images.len();
    let mut columns = match carried_rows(series, context.generation) {
        Some(carried) => carried.clone(),
        None => Carried {
            source: context.generation.source().to_owned(),
            columns: Vec::new(),
        },
    };
    let original = columns.clone();
    let cells = Cells {
        carried: &original,
        file: &series.name,
    };
    let mut ignored = Losses::default();
    for (row, image) in series.images.iter().enumerate() {
        let before = if original.columns.is_empty() {
            None
        } else {
            Some(read_row(cells, row, context, &mut ignored)?)
        };
        patch_row(&mut columns, count, row, (before.as_ref(), image), context);
    }
    if let Some(angle) = series
        .nominal_tilt_axis_angle
        .filter(|_| original.columns.is_empty())
    {
        for row in 0..count {
            set_number(
                &mut columns,
                count,
                "rlnTomoNominalTiltAxisAngle",
                row,
                angle.degrees().0,
            );
        }
    }
    let used: Vec<usize> = series.used().collect();
    losses.add(
        LossKind::ExcludedImages,
        count - used.len(),
        "RELION has no state for an excluded image; its row is left out",
    );
    Ok(if used.len() == count {
        columns
    } else {
        columns.select(&used)
    })
}

fn series_losses(series: &TiltSeries, generation: Generation, losses: &mut Losses) {
    let images = &series.images;
    let used = || images.iter().filter(|image| image.is_used());
    if generation == Generation::Five {
        let deformed = used()
            .filter(|i| i.geometry.is_some_and(|g| !g.is_rigid()))
            .count();
        losses.add(
            LossKind::AffineDeformation,
            deformed,
            "RELION 5 knows angles and shifts only: the nearest rotation is written (RELION 4 matrices hold it)",
        );
    }
    let bent = used()
        .filter(|i| i.geometry.is_some_and(|g| g.deformation.is_some()))
        .count();
    losses.add(
        LossKind::Deformation,
        bent,
        "RELION keeps deformations in splines of its own: the rigid chain is written",
    );
    let unaligned = used().filter(|image| image.geometry.is_none()).count();
    let some_aligned = used().any(|image| image.geometry.is_some());
    losses.add(
        LossKind::UnalignedImages,
        if some_aligned { unaligned } else { 0 },
        "RELION has no row without a geometry: zeros are written",
    );
    let exposed = used().filter(|image| image.exposure.is_some()).count();
    let five = generation == Generation::Five;
    losses.add(
        LossKind::Dose,
        if five { exposed } else { 0 },
        "RELION 5 holds the exposure before an image, not that of the image",
    );
    if series.defocus_hand.is_none() {
        losses.add(
            LossKind::DefocusHand,
            1,
            "nobody has measured the hand: rlnTomoHand 0 (no gradient) is written",
        );
    }
    let foreign = !series.carried.columns.is_empty()
        && Generation::of(&series.carried.source) != Some(generation);
    if foreign {
        let source = &series.carried.source;
        losses.add(
            LossKind::ForeignColumns,
            series.carried.columns.len(),
            format!("columns of {source} without a place in RELION"),
        );
    }
}
