//! `postprocess.star` against the one RELION 5 wrote: the same table, cell by cell.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and tell what they measured"
)]

use std::path::PathBuf;

use thon_formats::star::{self, StarFile};
use thon_interop::relion::{
    FscShell, GuinierShell, PostProcess, PostProcessFiles, particle_fsc, post_process_star,
};
use thon_units::{Angstrom, SquareAngstrom};

const FILE: &str = "04_relion5_project_empiar10164/PostProcess/job022/postprocess.star";

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("THON_SHARED_DATA").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../../shared/data"
            ))
        },
        PathBuf::from,
    );
    let file = folder.join(FILE);
    if !file.exists() {
        println!("skipped: shared data absent");
        return None;
    }
    Some(file)
}

fn numbers(file: &StarFile, table: &str, label: &str) -> Vec<f64> {
    let column = file.table(table).unwrap().column(label).unwrap();
    column
        .strings()
        .map(|token| token.parse().unwrap())
        .collect()
}

/// What RELION's file says.
fn read(file: &StarFile) -> PostProcess {
    let text = |label: &str| {
        file.table("general")
            .unwrap()
            .get(0, label)
            .unwrap()
            .to_owned()
    };
    let number = |label: &str| text(label).parse::<f64>().unwrap();
    let fsc = |label: &str| numbers(file, "fsc", label);
    let (corrected, masked) = (
        fsc("rlnFourierShellCorrelationCorrected"),
        fsc("rlnFourierShellCorrelationMaskedMaps"),
    );
    let unmasked = fsc("rlnFourierShellCorrelationUnmaskedMaps");
    let randomised = fsc("rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps");
    // The box of the project: 192 voxels of 1.35 Å.
    let shell = |index: usize| FscShell {
        frequency: index as f64 / (192.0 * 1.35),
        corrected: corrected[index],
        unmasked: unmasked[index],
        masked: masked[index],
        randomised: randomised[index],
    };
    let squared = numbers(file, "guinier", "rlnResolutionSquared");
    let original = numbers(file, "guinier", "rlnLogAmplitudesOriginal");
    let weighted = numbers(file, "guinier", "rlnLogAmplitudesWeighted");
    let there = |value: f64| (value != -99.0).then_some(value);
    let point = |index: usize| GuinierShell {
        frequency_squared: squared[index],
        original: there(original[index]),
        weighted: there(weighted[index]),
        sharpened: None,
    };
    PostProcess {
        resolution: Angstrom(number("rlnFinalResolution")),
        b_factor: SquareAngstrom(number("rlnBfactorUsedForSharpening")),
        files: PostProcessFiles {
            half_maps: Some([text("rlnUnfilteredMapHalf1"), text("rlnUnfilteredMapHalf2")]),
            map: Some(text("rlnPostprocessedMap")),
            masked_map: Some(text("rlnPostprocessedMapMasked")),
            mask: Some(text("rlnMaskName")),
        },
        box_over_mask: Some(number("rlnParticleBoxFractionSolventMask")),
        randomised_from: Some(Angstrom(number("rlnRandomiseFrom"))),
        fit: None,
        shells: (0..corrected.len()).map(shell).collect(),
        guinier: (0..squared.len()).map(point).collect(),
    }
}

#[test]
fn the_table_of_relion_is_written_again_value_by_value() {
    let Some(path) = shared() else { return };
    let theirs = star::read(&path).unwrap();
    let ours = post_process_star(&read(&theirs)).unwrap();
    let ours = star::parse(&star::write(&ours).unwrap(), "ours").unwrap();
    let (mut values, mut differing) = (0, 0);
    for block in &theirs.blocks {
        let (a, b) = (&block.tables[0], ours.table(block.name()).unwrap());
        assert_eq!(
            a.labels().collect::<Vec<_>>(),
            b.labels().collect::<Vec<_>>(),
            "{}",
            block.name()
        );
        assert_eq!((a.rows(), a.kind()), (b.rows(), b.kind()));
        for (theirs, ours) in a.columns().zip(b.columns()) {
            for (row, (x, y)) in theirs.strings().zip(ours.strings()).enumerate() {
                values += 1;
                if x == y {
                    continue;
                }
                // RELION computes in single precision, the FSC of the particle from more than six decimals.
                let (p, q): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                let digit = if p < 0.0 { 1.01e-5 } else { 1.01e-6 };
                let bound = if theirs.label().ends_with("MaskFraction") {
                    7.0 * digit
                } else {
                    digit * p.abs().max(1.0)
                };
                assert!(
                    (p - q).abs() <= bound,
                    "{} row {row}: {x} {y}",
                    theirs.label()
                );
                differing += 1;
            }
        }
    }
    println!("postprocess.star: {values} values, {differing} differ in the last digit");
    assert!(values > 1000);
}

#[test]
fn the_fsc_of_the_particle_leaves_out_the_solvent() {
    assert!((particle_fsc(0.882088, 10.682012) - 0.987641).abs() < 1e-6);
    assert_eq!(particle_fsc(1.0, 7.0), 1.0);
    assert_eq!(particle_fsc(0.0, 7.0), 0.0);
    assert_eq!(particle_fsc(-1.0 / 6.0, 7.0), 0.0);
}
