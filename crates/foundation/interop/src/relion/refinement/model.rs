//! `NAME_model.star`: maps, their spectra, groups and their noise.

use thon_formats::star::{Table, number};
use thon_geometry::healpix::pixel_count;

use super::{RefinedClass, RefinedMap, Refinement};
use crate::InteropError;

/// Resolution of shell 0 in RELION's tables, Å.
const NO_RESOLUTION: f64 = 999.0;
/// Highest FSC that a signal-to-noise ratio is made of.
const LARGEST_FSC: f64 = 0.999;

/// The blocks of a model whose maps are `which`.
pub(super) fn blocks(
    refinement: &Refinement,
    which: RefinedMap,
) -> Result<Vec<(String, Table)>, InteropError> {
    let mut blocks = vec![
        ("model_general".to_owned(), general(refinement)),
        ("model_classes".to_owned(), classes(refinement, which)?),
    ];
    for (index, class) in refinement.classes.iter().enumerate() {
        let name = format!("model_class_{}", index + 1);
        blocks.push((name, spectra(refinement, class)?));
    }
    if !refinement.groups.is_empty() {
        blocks.push(("model_groups".to_owned(), groups(refinement)?));
    }
    let left = refinement.mask_fraction();
    for (index, group) in refinement.groups.iter().enumerate() {
        let mut table = shells(refinement)?;
        table.remove_column("rlnAngstromResolution");
        let power: Vec<f64> = group.power.iter().map(|power| power * left).collect();
        put(&mut table, "rlnSigma2Noise", refinement, &power)?;
        blocks.push((format!("model_group_{}", index + 1), table));
    }
    let pixels = pixel_count(super::sampling::ORDER);
    let directions = refinement.classes.iter().enumerate();
    // Images are seen from one direction.
    for (index, class) in directions.filter(|_| refinement.dimensions == 3) {
        let mut table = Table::new_loop(Vec::<String>::new());
        let even = number(class.share / pixels as f64);
        let values = std::iter::repeat_n(even, pixels);
        table.set_strings("rlnOrientationDistribution", values)?;
        blocks.push((format!("model_pdf_orient_class_{}", index + 1), table));
    }
    Ok(blocks)
}

fn general(refinement: &Refinement) -> Table {
    let shell = refinement.resolution_shell();
    let resolution = 1.0 / refinement.frequency(shell.max(1));
    // Data are used some shells beyond the resolution, as RELION does.
    let size = (2 * (shell + 10)).min(refinement.box_size);
    let whole = |value: usize| value.to_string();
    let dimensions = usize::from(refinement.dimensions);
    Table::new_pairs([
        ("rlnReferenceDimensionality", whole(dimensions)),
        ("rlnDataDimensionality", whole(dimensions)),
        ("rlnOriginalImageSize", whole(refinement.box_size)),
        ("rlnCurrentResolution", number(resolution)),
        ("rlnCurrentImageSize", whole(size)),
        ("rlnPaddingFactor", number(2.0)),
        ("rlnIsHelix", whole(0)),
        ("rlnFourierSpaceInterpolator", whole(1)),
        ("rlnMinRadiusNnInterpolation", whole(10)),
        ("rlnPixelSize", number(refinement.voxel_size.0)),
        ("rlnNrClasses", whole(refinement.classes.len())),
        ("rlnNrBodies", whole(1)),
        ("rlnNrGroups", whole(refinement.groups.len())),
        ("rlnTau2FudgeFactor", number(refinement.regularisation)),
        ("rlnNormCorrectionAverage", number(1.0)),
        ("rlnSigmaOffsetsAngst", number(refinement.offset_sigma.0)),
        ("rlnOrientationalPriorMode", whole(0)),
        ("rlnSigmaPriorRotAngle", number(0.0)),
        ("rlnSigmaPriorTiltAngle", number(0.0)),
        ("rlnSigmaPriorPsiAngle", number(0.0)),
        ("rlnLogLikelihood", number(0.0)),
        ("rlnAveragePmax", number(1.0)),
    ])
}

fn classes(refinement: &Refinement, which: RefinedMap) -> Result<Table, InteropError> {
    let mut table = Table::new_loop(Vec::<String>::new());
    let maps = 0..refinement.classes.len();
    let maps = maps.map(|class| refinement.shown_map(class, which));
    table.set_strings("rlnReferenceImage", maps)?;
    let mut put = |label, value: fn(&RefinedClass) -> f64| {
        let values = refinement.classes.iter().map(|class| number(value(class)));
        table.set_strings(label, values)
    };
    put("rlnClassDistribution", |class| class.share)?;
    put("rlnAccuracyRotations", |_| NO_RESOLUTION)?;
    put("rlnAccuracyTranslationsAngst", |_| NO_RESOLUTION)?;
    put("rlnEstimatedResolution", |class| {
        class.resolution.map_or(NO_RESOLUTION, |d| d.0)
    })?;
    put("rlnOverallFourierCompleteness", |_| 1.0)?;
    if refinement.dimensions == 2 {
        put("rlnClassPriorOffsetX", |_| 0.0)?;
        put("rlnClassPriorOffsetY", |_| 0.0)?;
    }
    Ok(table)
}

/// Shell, frequency and resolution.
fn shells(refinement: &Refinement) -> Result<Table, InteropError> {
    let mut table = Table::new_loop(Vec::<String>::new());
    let all = || 0..refinement.shells();
    let frequency = |shell| refinement.frequency(shell);
    table.set_strings("rlnSpectralIndex", all().map(|shell| shell.to_string()))?;
    table.set_strings("rlnResolution", all().map(|shell| number(frequency(shell))))?;
    let resolution = |shell: usize| match shell {
        0 => NO_RESOLUTION,
        _ => 1.0 / frequency(shell),
    };
    let values = all().map(|shell| number(resolution(shell)));
    table.set_strings("rlnAngstromResolution", values)?;
    Ok(table)
}

fn spectra(refinement: &Refinement, class: &RefinedClass) -> Result<Table, InteropError> {
    let mut table = shells(refinement)?;
    let within = refinement.resolution_shell();
    let ratio = |shell: usize| match class.fsc.get(shell) {
        Some(fsc) => fsc.clamp(0.0, LARGEST_FSC) / (1.0 - fsc.clamp(0.0, LARGEST_FSC)),
        None if !class.signal_to_noise.is_empty() => {
            class.signal_to_noise.get(shell).copied().unwrap_or(0.0)
        }
        // Without half maps: the data outweigh the prior up to the resolution.
        None if shell <= within => 10.0,
        None => 0.0,
    };
    let all = || 0..refinement.shells();
    let ratios: Vec<f64> = all().map(ratio).collect();
    put(&mut table, "rlnSsnrMap", refinement, &ratios)?;
    put(&mut table, "rlnGoldStandardFsc", refinement, &class.fsc)?;
    put(
        &mut table,
        "rlnFourierCompleteness",
        refinement,
        &vec![1.0; all().len()],
    )?;
    let noise = |shell: usize| {
        let power = class.power.get(shell).copied().unwrap_or(0.0);
        if ratios[shell] > 0.0 {
            power / ratios[shell]
        } else {
            power
        }
    };
    let noise: Vec<f64> = all().map(noise).collect();
    put(&mut table, "rlnReferenceSigma2", refinement, &noise)?;
    put(&mut table, "rlnReferenceTau2", refinement, &class.power)?;
    put(
        &mut table,
        "rlnSpectralOrientabilityContribution",
        refinement,
        &[],
    )?;
    Ok(table)
}

/// A column of one value per shell; missing ones are 0.
fn put(
    table: &mut Table,
    label: &str,
    refinement: &Refinement,
    values: &[f64],
) -> Result<(), InteropError> {
    let value = |shell| number(values.get(shell).copied().unwrap_or(0.0));
    table.set_strings(label, (0..refinement.shells()).map(value))?;
    Ok(())
}

fn groups(refinement: &Refinement) -> Result<Table, InteropError> {
    let mut table = Table::new_loop(Vec::<String>::new());
    let groups = &refinement.groups;
    let numbers = (1..=groups.len()).map(|number| number.to_string());
    table.set_strings("rlnGroupNumber", numbers)?;
    table.set_strings(
        "rlnGroupName",
        groups.iter().map(|group| group.name.as_str()),
    )?;
    let particles = groups.iter().map(|group| group.particles.to_string());
    table.set_strings("rlnGroupNrParticles", particles)?;
    let scales = groups.iter().map(|group| number(group.scale));
    table.set_strings("rlnGroupScaleCorrection", scales)?;
    Ok(table)
}
