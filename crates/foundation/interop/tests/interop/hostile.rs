//! Mutated files: every importer answers with a value or an error, never with a panic.

use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_interop::aretomo::{AretomoImport, read_aretomo, write_aretomo};
use thon_interop::emdb::{read_fsc_xml, write_fsc_xml};
use thon_interop::imod::{EtomoExport, EtomoImport, read_directory, write_directory};
use thon_interop::mdoc::{MdocImport, read_mdoc};
use thon_interop::relion::{
    Generation, Layout2016Options, ParticleExport, ParticleImport, TiltSeriesExport,
    TiltSeriesImport, read_layout_2016, read_optimisation_set, read_particles, read_tilt_series,
    tomogram_grids, write_particles, write_tilt_series,
};
use thon_model::Optics;
use thon_units::PixelSize;

/// Pieces that break things: signs, huge numbers, structure words.
const PIECES: [&str; 18] = [
    "-1",
    "nan",
    "inf",
    "1e308",
    "-9223372036854775808",
    "9223372036854775807",
    "0",
    "\n",
    " ",
    "[",
    "]",
    ",",
    "loop_",
    "_rlnTomoName",
    "data_",
    "[ZValue = 0]",
    "#",
    "@",
];

fn mutated(text: &str, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..5) {
            0 => bytes[at] = random.random(),
            1 => bytes.truncate(at),
            2 => {
                let end = (at + random.random_range(1..20)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
            _ => {
                let word = bytes[at..]
                    .iter()
                    .position(u8::is_ascii_whitespace)
                    .unwrap_or(0);
                let piece = PIECES[random.random_range(0..PIECES.len())];
                bytes.splice(at..at + word, piece.bytes());
            }
        }
    }
    bytes
}

struct Corpus {
    dir: tempfile::TempDir,
    files: Vec<(&'static str, String)>,
}

impl Corpus {
    fn new(files: Vec<(&'static str, String)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in &files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { dir, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `read` with one file mutated at a time; how often it gave a value.
    fn run(&self, rounds: usize, seed: u64, read: impl Fn(&Path) -> bool) -> usize {
        assert!(read(self.dir.path()), "the unchanged files are good");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut good = 0;
        for round in 0..rounds {
            let (name, text) = &self.files[round % self.files.len()];
            std::fs::write(self.path(name), mutated(text, &mut random)).unwrap();
            good += usize::from(read(self.dir.path()));
            std::fs::write(self.path(name), text).unwrap();
        }
        good
    }
}

const TOMOGRAMS: &str = "data_global\n\nloop_\n_rlnTomoName #1\n_rlnVoltage #2\n_rlnTomoHand #3\n_rlnTomoTiltSeriesPixelSize #4\n\
    _rlnTomoTiltSeriesStarFile #5\n_rlnTomoSizeX #6\n_rlnTomoSizeY #7\n_rlnTomoSizeZ #8\nA 300 -1 2.0 tilt/A.star 400 401 100\n";
const TILTS: &str = "data_A\n\nloop_\n_rlnMicrographName #1\n_rlnMicrographPreExposure #2\n_rlnTomoXTilt #3\n_rlnTomoYTilt #4\n\
    _rlnTomoZRot #5\n_rlnTomoXShiftAngst #6\n_rlnTomoYShiftAngst #7\n_rlnDefocusU #8\n_rlnTomoTiltMovieFrameCount #9\n\
    1@a.mrc 0 0 -3 85 1 2 30000 8\n2@a.mrc 3 0 3 85 1 2 30000 8\n";
const MATRICES: &str = "data_global\n\nloop_\n_rlnTomoName #1\n_rlnTomoHand #2\n_rlnTomoTiltSeriesPixelSize #3\n_rlnTomoSizeX #4\n\
    _rlnTomoSizeY #5\n_rlnTomoSizeZ #6\nA -1 2.0 400 401 100\n\ndata_A\n\nloop_\n_rlnTomoProjX #1\n_rlnTomoProjY #2\n\
    _rlnTomoProjZ #3\n_rlnTomoProjW #4\n_rlnMicrographPreExposure #5\n[1,0,0,3] [0,1,0,4] [0,0,1,5] [0,0,0,1] 0\n\
    [0,1,0,3] [-1,0,0,4] [0,0,1,5] [0,0,0,1] 2\n";
const PARTICLES: &str = "data_general\n\n_rlnTomoSubTomosAre2DStacks 1\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnVoltage #2\n\
    _rlnSphericalAberration #3\n_rlnImagePixelSize #4\n_rlnImageSize #5\n1 300 2.7 4.0 32\n\ndata_particles\n\nloop_\n\
    _rlnTomoName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n_rlnCoordinateZ #4\n_rlnAngleRot #5\n_rlnAngleTilt #6\n\
    _rlnAnglePsi #7\n_rlnOriginXAngst #8\n_rlnImageName #9\n_rlnTomoVisibleFrames #10\n_rlnRandomSubset #11\n\
    _rlnTomoParticleName #12\nA 1 2 3 10 20 30 0.5 a.mrcs [1,0] 1 A/1\nA 4 5 6 10 20 30 0.5 b.mrcs [1,1] 2 A/2\n";

#[test]
fn relion_files() {
    let corpus = Corpus::new(vec![
        ("set.star", TOMOGRAMS.to_owned()),
        ("tilt/A.star", TILTS.to_owned()),
        ("particles.star", PARTICLES.to_owned()),
        ("four.star", MATRICES.to_owned()),
        (
            "optimisation_set.star",
            "data_\n\n_rlnTomoParticlesFile particles.star\n_rlnTomoTomogramsFile set.star\n"
                .to_owned(),
        ),
    ]);
    let out = tempfile::tempdir().unwrap();
    let read = |dir: &Path| {
        let options = TiltSeriesImport {
            image_size: Some([300, 301]),
            ..TiltSeriesImport::default()
        };
        let mut good = read_optimisation_set(&dir.join("optimisation_set.star")).is_ok();
        for (name, generation) in [
            ("set.star", Generation::Five),
            ("four.star", Generation::Four),
        ] {
            let series = read_tilt_series(&dir.join(name), &options);
            let to = TiltSeriesExport {
                root: out.path().to_owned(),
                file: "out.star".into(),
                generation,
                source_root: Some(dir.to_owned()),
            };
            good &= series
                .as_ref()
                .is_ok_and(|read| write_tilt_series(&read.value, &to).is_ok());
            let series = series.map(|read| read.value).unwrap_or_default();
            let options = ParticleImport {
                grids: tomogram_grids(&series),
                ..ParticleImport::default()
            };
            let to = ParticleExport {
                root: out.path().to_owned(),
                file: "p.star".into(),
                source_root: None,
            };
            let particles = read_particles(&dir.join("particles.star"), &options);
            good &= particles.is_ok_and(|read| write_particles(&read.value, &series, &to).is_ok());
        }
        good
    };
    println!(
        "RELION: {} of 2500 mutants were good files",
        corpus.run(2500, 11, read)
    );
}

#[test]
fn imod_files() {
    let tilt = "$tilt -StandardInput\nIMAGEBINNED 1\nFULLIMAGE 64 60\nTHICKNESS 20\nOFFSET 1 2\nSHIFT 3 4\nXAXISTILT 1\nEXCLUDELIST 1\n";
    let corpus = Corpus::new(vec![
        ("s.xf", "1 0 0 1 3 4\n0.1 0.99 -0.99 0.1 5 6\n".to_owned()),
        ("s.tlt", "-3.0\n3.0\n".to_owned()),
        ("s.xtilt", "0.1\n0.2\n".to_owned()),
        ("tilt.com", tilt.to_owned()),
        (
            "newst.com",
            "$newstack -StandardInput\nBinByFactor 2\nSizeToOutputInXandY 32,30\n".to_owned(),
        ),
        (
            "s.defocus",
            "1 0 0 0 0 3\n1 1 -3 -3 1000 900 30\n2 2 3 3 1000 900 30\n".to_owned(),
        ),
        (
            "s.edf",
            "Setup.DatasetName=s\nSetup.AxisA.ExcludeProjections=2\n".to_owned(),
        ),
    ]);
    let out = tempfile::tempdir().unwrap();
    let read = |dir: &Path| {
        let options = EtomoImport {
            pixel_size: Some(PixelSize(2.0)),
            ..EtomoImport::default()
        };
        let to = EtomoExport {
            dir: out.path().to_owned(),
            name: None,
        };
        read_directory(dir, &options).is_ok_and(|read| write_directory(&read.value, &to).is_ok())
    };
    println!(
        "IMOD: {} of 2100 mutants were good files",
        corpus.run(2100, 12, read)
    );
}

#[test]
fn aretomo_and_mdoc_files() {
    let aln = "# AreTomo Alignment / Priims bprmMn\n# RawSize = 64 60 3\n# NumPatches = 1\n# DarkFrame =     2    3    60.00\n\
        # AlphaOffset = 1.0\n# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n\
        1 85.0 1.0 1.5 2.5 1 1 1 0 -3.0\n2 85.0 1.0 1.5 2.5 1 1 1 0 3.0\n# Local Alignment\n0 0 1 2 3 4 1.0\n";
    let ctf = "# Columns\n1 30000 29000 10 0.1 0.1 8.0 1\n2 30000 29000 10 0.1 0.1 8.0 1\n";
    let mdoc = "PixelSpacing = 2.0\nVoltage = 300\nImageSize = 64 60\n\n[T = Tilt axis angle = 84.8, binning = 1]\n\n\
        [ZValue = 0]\nTiltAngle = 0.0\nExposureDose = 2\nDateTime = 01-Jan-24  10:00:00\nSubFramePath = X:\\a_1.mrc\n\n\
        [ZValue = 1]\nTiltAngle = 3.0\nExposureDose = 2\nDateTime = 01-Jan-24  10:01:00\nSubFramePath = X:\\a_2.mrc\n\n";
    let corpus = Corpus::new(vec![
        ("s.aln", aln.to_owned()),
        ("s_CTF.txt", ctf.to_owned()),
        ("s.mdoc", mdoc.to_owned()),
    ]);
    let out = tempfile::tempdir().unwrap();
    let read = |dir: &Path| {
        let options = AretomoImport {
            pixel_size: PixelSize(2.0),
            stack: None,
            ctf: Some(dir.join("s_CTF.txt")),
            volume_size: None,
            optics: Optics::default(),
        };
        let alignment = read_aretomo(&dir.join("s.aln"), &options);
        let written = alignment
            .is_ok_and(|read| write_aretomo(&read.value, &out.path().join("o.aln")).is_ok());
        written & read_mdoc(&dir.join("s.mdoc"), &MdocImport::default()).is_ok()
    };
    println!(
        "AreTomo, mdoc: {} of 2100 mutants were good files",
        corpus.run(2100, 13, read)
    );
}

#[test]
fn the_layout_of_2016() {
    let corpus = Corpus::new(vec![
        ("t.tlt", "-3.0\n3.0\n".to_owned()),
        ("t.order", "-3 0\n3 2\n".to_owned()),
        ("t.coords", "1 2 3\n4 5 6\n".to_owned()),
    ]);
    for (name, dims) in [("t.mrc", [4, 8, 8]), ("t.mrcs", [2, 8, 8])] {
        let mut bytes = crate::layout_2016::header(dims, 2.0).to_bytes().to_vec();
        bytes.resize(1024 + 4 * dims.iter().product::<usize>(), 0);
        std::fs::write(corpus.path(name), bytes).unwrap();
    }
    let read =
        |dir: &Path| read_layout_2016(&dir.join("t.mrc"), &Layout2016Options::default()).is_ok();
    println!(
        "layout of 2016: {} of 900 mutants were good files",
        corpus.run(900, 14, read)
    );
}

#[test]
fn curves_of_the_data_bank() {
    let curve = "<fsc title=\"FSC\" xaxis=\"Resolution (A-1)\" yaxis=\"Correlation Coefficient\">\n\
        <coordinate><x>0.01</x><y>1.0</y></coordinate>\n<coordinate>\n<x>0.02</x><y>0.5</y>\n</coordinate>\n</fsc>\n";
    let corpus = Corpus::new(vec![("fsc.xml", curve.to_owned())]);
    let out = tempfile::tempdir().unwrap();
    let read = |dir: &Path| {
        let written = out.path().join("o.xml");
        read_fsc_xml(&dir.join("fsc.xml")).is_ok_and(|fsc| {
            write_fsc_xml(&fsc, &written).unwrap();
            let again = read_fsc_xml(&written).map(|again| again.points.len());
            // Numbers too large for six decimals stay numbers; the shells stay as many.
            assert_eq!(again.ok(), Some(fsc.points.len()));
            true
        })
    };
    println!(
        "EMDB: {} of 900 mutants were good files",
        corpus.run(900, 15, read)
    );
}
