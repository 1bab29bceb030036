//! `postprocess.star` of `relion_postprocess`: resolution, FSC curves, Guinier plot.
//!
//! Numbers have six decimals, five after a minus sign, as RELION prints them; a shell without a value has −99 in the
//! Guinier plot. Shell 0 has no resolution and is written as 999 Å.

use std::path::Path;

use thon_formats::star::{self, Block, StarFile, Table};
use thon_units::{Angstrom, SquareAngstrom};

use crate::InteropError;
use crate::error::create_parent;

/// Resolution of shell 0 in RELION's tables, Å.
const NO_RESOLUTION: f64 = 999.0;
/// Logarithm of an amplitude that is not there.
const NO_LOGARITHM: f64 = -99.0;

/// What `postprocess.star` holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostProcess {
    /// `rlnFinalResolution`.
    pub resolution: Angstrom,
    /// `rlnBfactorUsedForSharpening`.
    pub b_factor: SquareAngstrom,
    /// Paths of the unfiltered half maps, the maps and the mask, as they shall stand in the file.
    pub files: PostProcessFiles,
    /// Volume of the box over that of the particle, RELION's 0.476 of the mask (`rlnParticleBoxFractionSolventMask`).
    pub box_over_mask: Option<f64>,
    /// Resolution beyond which phases were randomised.
    pub randomised_from: Option<Angstrom>,
    /// Line fitted to the Guinier plot.
    pub fit: Option<GuinierLine>,
    /// One row per shell, from shell 0.
    pub shells: Vec<FscShell>,
    /// One row per shell above 0 that was plotted.
    pub guinier: Vec<GuinierShell>,
}

/// Files of a post-processing; absent ones are left out of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostProcessFiles {
    /// `rlnUnfilteredMapHalf1` and `2`.
    pub half_maps: Option<[String; 2]>,
    /// `rlnPostprocessedMap`.
    pub map: Option<String>,
    /// `rlnPostprocessedMapMasked`.
    pub masked_map: Option<String>,
    /// `rlnMaskName`.
    pub mask: Option<String>,
}

/// Fourier shell correlations of one shell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FscShell {
    /// Spatial frequency, cycles/Å.
    pub frequency: f64,
    /// Corrected by phase randomisation.
    pub corrected: f64,
    /// Of the maps without mask.
    pub unmasked: f64,
    /// Inside the mask.
    pub masked: f64,
    /// Inside the mask, of maps with randomised phases.
    pub randomised: f64,
}

/// Logarithms of mean amplitudes in one shell; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GuinierShell {
    /// Square of the spatial frequency, 1/Å².
    pub frequency_squared: f64,
    /// Of the unfiltered map.
    pub original: Option<f64>,
    /// After weighting by the FSC.
    pub weighted: Option<f64>,
    /// After sharpening.
    pub sharpened: Option<f64>,
}

/// Line through the Guinier plot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GuinierLine {
    /// Value at frequency 0.
    pub intercept: f64,
    /// Slope, Å²; a quarter of the B factor.
    pub slope: f64,
    /// Pearson correlation of points and line.
    pub correlation: f64,
}

/// FSC that the particle would have without the solvent around it, from the FSC without mask: f·F / (1 + (f − 1)·F)
/// with f the volume of the box over that of the mask (Sindelar & Grigorieff 2012, J. Struct. Biol. 180:26).
pub fn particle_fsc(unmasked: f64, box_over_mask: f64) -> f64 {
    let below = 1.0 + (box_over_mask - 1.0) * unmasked;
    if below.abs() < f64::EPSILON {
        0.0
    } else {
        box_over_mask * unmasked / below
    }
}

/// The table as a STAR file of RELION 5.
pub fn post_process_star(post: &PostProcess) -> Result<StarFile, InteropError> {
    let block = |name: &str, table| Block::new(name, vec![table]).with_comment("version 50001");
    Ok(StarFile::new(vec![
        block("general", general(post)),
        block("fsc", fsc_table(post)?),
        block("guinier", guinier_table(post)?),
    ]))
}

/// Writes `postprocess.star`.
pub fn write_post_process(post: &PostProcess, path: &Path) -> Result<(), InteropError> {
    create_parent(path)?;
    Ok(star::write_to(&post_process_star(post)?, path)?)
}

/// Six decimals, decimal after a minus sign, as RELION prints them.
fn decimal(value: f64) -> String {
    if value < 0.0 {
        format!("{value:.5}")
    } else {
        format!("{value:.6}")
    }
}

fn general(post: &PostProcess) -> Table {
    let mut pairs = vec![
        ("rlnFinalResolution", decimal(post.resolution.0)),
        ("rlnBfactorUsedForSharpening", decimal(post.b_factor.0)),
    ];
    let mut put = |label, token: Option<String>| pairs.extend(token.map(|token| (label, token)));
    let halves = post.files.half_maps.clone().map(|[one, two]| (one, two));
    let (one, two) = halves.unzip();
    put("rlnUnfilteredMapHalf1", one);
    put("rlnUnfilteredMapHalf2", two);
    put("rlnPostprocessedMap", post.files.map.clone());
    put(
        "rlnParticleBoxFractionSolventMask",
        post.box_over_mask.map(decimal),
    );
    put("rlnMaskName", post.files.mask.clone());
    put(
        "rlnRandomiseFrom",
        post.randomised_from.map(|resolution| decimal(resolution.0)),
    );
    put("rlnPostprocessedMapMasked", post.files.masked_map.clone());
    put(
        "rlnFittedInterceptGuinierPlot",
        post.fit.map(|fit| decimal(fit.intercept)),
    );
    put(
        "rlnFittedSlopeGuinierPlot",
        post.fit.map(|fit| decimal(fit.slope)),
    );
    put(
        "rlnCorrelationFitGuinierPlot",
        post.fit.map(|fit| decimal(fit.correlation)),
    );
    Table::new_pairs(pairs)
}

fn fsc_table(post: &PostProcess) -> Result<Table, InteropError> {
    let shells = &post.shells;
    let resolution = |shell: &FscShell| {
        if shell.frequency > 0.0 {
            1.0 / shell.frequency
        } else {
            NO_RESOLUTION
        }
    };
    let mut table = Table::new_loop(Vec::<String>::new());
    table.set_strings(
        "rlnSpectralIndex",
        (0..shells.len()).map(|index| index.to_string()),
    )?;
    table.set_strings(
        "rlnResolution",
        shells.iter().map(|shell| decimal(1.0 / resolution(shell))),
    )?;
    table.set_strings(
        "rlnAngstromResolution",
        shells.iter().map(|shell| decimal(resolution(shell))),
    )?;
    table.set_strings(
        "rlnFourierShellCorrelationCorrected",
        shells.iter().map(|shell| decimal(shell.corrected)),
    )?;
    if let Some(fraction) = post.box_over_mask {
        let values = shells
            .iter()
            .map(|shell| decimal(particle_fsc(shell.unmasked, fraction)));
        table.set_strings("rlnFourierShellCorrelationParticleMaskFraction", values)?;
    }
    table.set_strings(
        "rlnFourierShellCorrelationUnmaskedMaps",
        shells.iter().map(|shell| decimal(shell.unmasked)),
    )?;
    table.set_strings(
        "rlnFourierShellCorrelationMaskedMaps",
        shells.iter().map(|shell| decimal(shell.masked)),
    )?;
    let randomised = shells.iter().map(|shell| decimal(shell.randomised));
    table.set_strings(
        "rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps",
        randomised,
    )?;
    Ok(table)
}

fn guinier_table(post: &PostProcess) -> Result<Table, InteropError> {
    let shells = &post.guinier;
    let logarithms = |of: fn(&GuinierShell) -> Option<f64>| {
        shells
            .iter()
            .map(move |shell| decimal(of(shell).unwrap_or(NO_LOGARITHM)))
    };
    let mut table = Table::new_loop(Vec::<String>::new());
    table.set_strings(
        "rlnResolutionSquared",
        shells.iter().map(|shell| decimal(shell.frequency_squared)),
    )?;
    table.set_strings(
        "rlnLogAmplitudesOriginal",
        logarithms(|shell| shell.original),
    )?;
    table.set_strings(
        "rlnLogAmplitudesWeighted",
        logarithms(|shell| shell.weighted),
    )?;
    if post.b_factor.0 != 0.0 {
        table.set_strings(
            "rlnLogAmplitudesSharpened",
            logarithms(|shell| shell.sharpened),
        )?;
    }
    if let Some(fit) = post.fit {
        let line = shells
            .iter()
            .map(|shell| decimal(fit.intercept + fit.slope * shell.frequency_squared));
        table.set_strings("rlnLogAmplitudesIntercept", line)?;
    }
    Ok(table)
}
