//! RELION's files in, RELION's files out, without a project: a small refinement that moves particles by known amounts.
//!
//! Where RELION is installed it goes on from the exported iteration, and post-processes the exported half maps.
#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a test fails by panicking; a table is put together line by line"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use glam::{DQuat, DVec3};
use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thon_catalogue::{ALL, BORDER};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, ParticlesKind};
use thon_contract::{
    AnyJob, Artifact, Context, Cost, Finding, Job, JobError, Methods, Note, Output,
};
use thon_engine::{Catalogue, Event, JobSpec, Observer, Settings, Source, run_standalone};
use thon_formats::star;
use thon_geometry::{Point, Pose, Rotation};
use thon_images::mrc::write_volume;
use thon_interop::euler::RelionAngles;
use thon_model::{Half, Map};

/// Edge of the boxes, voxels, and of a voxel, Å.
const BOX: usize = 16;
const VOXEL: f64 = 8.0;
/// Particles, of two tomograms.
const PARTICLES: usize = 4;

/// A refinement that knows its result.
struct Toy;
/// Turn and shift every particle by its number.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Symmetry group.
    symmetry: String,
}
#[derive(Deserialize, JsonSchema)]
struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// The map to start from.
    reference: Artifact<MapKind>,
}
#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The particles.
    particles: Output<ParticlesKind>,
    /// The map.
    map: Output<MapKind>,
    /// The first half map.
    half_map_1: Output<MapKind>,
    /// The second half map.
    half_map_2: Output<MapKind>,
    /// The correlation of the halves.
    fsc: Output<CurvesKind>,
    /// Power of the noise.
    noise: Output<CurvesKind>,
}

/// Where particle `row` ends in its box.
fn placed(row: usize) -> Pose {
    let turn = DQuat::from_euler(glam::EulerRot::ZYZ, 0.3 * row as f64, 0.5, -0.2);
    let shift = DVec3::new(row as f64, -2.0, 0.5);
    Pose::new(Rotation::from_quaternion(turn), Point::from_vector(shift))
}

fn column(label: &str, values: impl Iterator<Item = f64>) -> Column {
    Column::new(label, "", values)
}

impl Job for Toy {
    const ID: &'static str = "toy.refine";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;
    fn check(_: &Params, _: &Inputs, _: &Context) -> Vec<Finding> {
        vec![]
    }
    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(_: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = context.load(inputs.particles.single()?)?;
        for row in 0..set.len() {
            let before = set.pose_in_box(row).expect("it has a box").position.xyz;
            assert_eq!(before, DVec3::ZERO, "without origins it is in the middle");
            set.set_pose_in_box(row, placed(row));
        }
        set.halves = (0..set.len())
            .map(|row| [Half::One, Half::Two][row % 2])
            .collect();
        let map = context.load(inputs.reference.single()?)?;
        let half = |by: f32| Map::new(map.data.mapv(|v| v * by), map.voxel_size);
        let shells = BOX / 2 + 1;
        let frequency = || (0..shells).map(|s| s as f64 / (BOX as f64 * VOXEL));
        let fsc = Curves {
            title: "FSC".into(),
            columns: vec![
                column("frequency", frequency()),
                column(
                    "half maps",
                    (0..shells).map(|s| if s < 5 { 0.99 } else { 0.01 }),
                ),
            ],
            facts: [("resolution (Å)".to_owned(), BOX as f64 * VOXEL / 4.0)].into(),
        };
        let noise = Curves {
            title: "noise".into(),
            columns: vec![
                column("frequency", frequency()),
                column("all", (0..shells).map(|_| 1.0)),
            ],
            facts: BTreeMap::new(),
        };
        Ok(Outputs {
            particles: Output::of(vec![context.store::<ParticlesKind>("particles", &set)?]),
            map: Output::of(vec![context.store::<MapKind>("map", &map)?]),
            half_map_1: Output::of(vec![context.store::<MapKind>("half_map_1", &half(1.01))?]),
            half_map_2: Output::of(vec![context.store::<MapKind>("half_map_2", &half(0.99))?]),
            fsc: Output::of(vec![context.store::<CurvesKind>("fsc", &fsc)?]),
            noise: Output::of(vec![context.store::<CurvesKind>("noise", &noise)?]),
        })
    }
    fn methods(_: &Params) -> Methods {
        Methods::default()
    }
}

static TOYS: &[&dyn AnyJob] = &[&Toy];

#[derive(Default)]
struct Listener(Mutex<Vec<String>>);
impl Observer for Listener {
    fn tell(&self, event: Event<'_>) {
        if let Event::Finished { notes, .. } = event {
            let text = |note: &Note| match note {
                Note::Warning { text } => Some(text.clone()),
                _ => None,
            };
            let warnings = notes.iter().filter_map(text);
            self.0.lock().unwrap().extend(warnings);
        }
    }
    fn stop(&self) -> bool {
        false
    }
}

fn run(
    jobs: &'static [&'static dyn AnyJob],
    operation: &str,
    parameters: serde_json::Value,
    inputs: &[(&str, PathBuf)],
    output: &Path,
) -> Vec<String> {
    let inputs = inputs
        .iter()
        .map(|(slot, file)| ((*slot).to_owned(), Source::Files(vec![file.clone()])));
    let spec = JobSpec {
        operation: operation.into(),
        parameters,
        inputs: inputs.collect(),
        ..JobSpec::default()
    };
    let listener = Listener::default();
    let catalogue = Catalogue::new(jobs).with_border(BORDER);
    run_standalone(&catalogue, &spec, output, &listener, Settings::default()).unwrap();
    listener.0.into_inner().unwrap()
}

/// Two balls of different size, off the middle.
fn phantom() -> Array3<f32> {
    let ball = |[z, y, x]: [f64; 3], at: [f64; 3], radius: f64| {
        let d = (z - at[0]).powi(2) + (y - at[1]).powi(2) + (x - at[2]).powi(2);
        (-d / (2.0 * radius * radius)).exp()
    };
    Array3::from_shape_fn((BOX, BOX, BOX), |(z, y, x)| {
        let at = [z, y, x].map(|i| i as f64 - (BOX / 2) as f64);
        (ball(at, [1.5, 0.0, 1.0], 1.5) + 0.6 * ball(at, [-2.0, 1.5, -0.5], 1.0)) as f32
    })
}

fn write_map(path: &Path, data: &Array3<f32>) {
    let data = data.as_standard_layout();
    write_volume(path, data.as_slice().unwrap(), [BOX; 3], Some(VOXEL)).unwrap();
}

/// Subtomograms, their CTF volumes, a reference and RELION's table of them: paths in the table start at the folder.
fn data_set(folder: &Path) -> PathBuf {
    let mut noise = Noise(7);
    for name in ["set/sub", "set/ctf"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let mut text = String::from(
        "\n# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n_rlnVoltage #3\n\
         _rlnSphericalAberration #4\n_rlnAmplitudeContrast #5\n_rlnImagePixelSize #6\n_rlnImageSize #7\n\
         _rlnImageDimensionality #8\n",
    );
    text += &format!(
        "og1 1 300.0 2.7 0.07 {VOXEL} {BOX} 3\n\n# version 30001\n\ndata_particles\n\nloop_\n"
    );
    text += "_rlnMicrographName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n_rlnCoordinateZ #4\n_rlnImageName #5\n\
        _rlnCtfImage #6\n_rlnOpticsGroup #7\n";
    let whole = Array3::from_elem((BOX, BOX, BOX), 1.0f32);
    for i in 0..PARTICLES {
        let noisy = phantom().mapv(|v| v + noise.next());
        write_map(&folder.join(format!("set/sub/{i:05}.mrc")), &noisy);
        write_map(&folder.join(format!("set/ctf/{i:05}.mrc")), &whole);
        let tomogram = i % 2;
        text += &format!(
            "tomo{tomogram}.mrc {} 20 30 set/sub/{i:05}.mrc set/ctf/{i:05}.mrc 1\n",
            10 * i
        );
    }
    let table = folder.join("set/particles.star");
    std::fs::write(&table, text).unwrap();
    write_map(&folder.join("set/ref.mrc"), &phantom());
    table
}

/// A small reproducible generator of numbers in ±0.5: the noise needs no more.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    }
}

fn refined(folder: &Path) -> Vec<String> {
    let table = data_set(folder);
    let inputs = [
        ("particles", table),
        ("reference", folder.join("set/ref.mrc")),
    ];
    let symmetry = json!({ "symmetry": "C2" });
    run(TOYS, "toy.refine", symmetry, &inputs, &folder.join("out"))
}

#[test]
fn a_table_of_relion_goes_in_and_relions_files_come_out() {
    let place = tempfile::tempdir().unwrap();
    let warnings = refined(place.path());
    let doubt = "tomo0.mrc and 1 more tomograms: volume size unknown, positions are measured from its first voxel";
    assert_eq!(warnings, [doubt]);
    let out = place.path().join("out");
    for map in [
        "run_class001.mrc",
        "run_half1_class001_unfil.mrc",
        "run_half2_class001_unfil.mrc",
    ] {
        assert!(out.join(map).is_file(), "{map}");
    }
    let data = star::read(&out.join("run_data.star")).unwrap();
    let rows = data.table("particles").unwrap();
    let given = star::read(&place.path().join("set/particles.star")).unwrap();
    let given = given.table("particles").unwrap();
    assert_eq!(rows.rows(), PARTICLES);
    for row in 0..PARTICLES {
        for label in given.labels() {
            assert_eq!(rows.get(row, label), given.get(row, label), "{label}");
        }
        let cell = |label| rows.get(row, label).unwrap().parse::<f64>().unwrap();
        let wanted = placed(row);
        let origin = DVec3::new(
            cell("rlnOriginXAngst"),
            cell("rlnOriginYAngst"),
            cell("rlnOriginZAngst"),
        );
        assert!(
            (origin + wanted.position.xyz).length() < 1e-5,
            "{row}: {origin}"
        );
        let angles = [
            cell("rlnAngleRot"),
            cell("rlnAngleTilt"),
            cell("rlnAnglePsi"),
        ];
        let found = RelionAngles::new(angles[0], angles[1], angles[2]).rotation();
        assert!(
            found.angle_to(wanted.rotation).0 < 1e-6,
            "{row}: {angles:?}"
        );
        assert_eq!(cell("rlnClassNumber"), 1.0);
        assert_eq!(cell("rlnRandomSubset"), (row % 2 + 1) as f64);
        assert_eq!(cell("rlnGroupNumber"), (row % 2 + 1) as f64);
    }
    let model = star::read(&out.join("run_model.star")).unwrap();
    let class = model.table("model_classes").unwrap();
    assert_eq!(
        class.get(0, "rlnReferenceImage"),
        Some("out/run_class001.mrc")
    );
    let spectra = model.table("model_class_1").unwrap();
    assert_eq!(spectra.rows(), BOX / 2 + 1);
    assert_eq!(spectra.get(3, "rlnGoldStandardFsc"), Some("0.990000"));
    // White noise of variance 1 per voxel.
    let noise = model.table("model_group_2").unwrap();
    let power = noise
        .get(5, "rlnSigma2Noise")
        .unwrap()
        .parse::<f64>()
        .unwrap();
    // RELION masks particles before it looks at their noise: here a sphere of nine tenths of the box with an edge of 5 voxels.
    let middle = (BOX / 2) as f64;
    let mask = Array3::from_shape_fn((BOX, BOX, BOX), |(z, y, x)| {
        let r = ((z as f64 - middle).powi(2) + (y as f64 - middle).powi(2)).sqrt();
        let r = r.hypot(x as f64 - middle);
        match r {
            r if r <= 7.2 => 1.0,
            r if r >= 12.2 => 0.0,
            r => 0.5 + 0.5 * (std::f64::consts::PI * (r - 7.2) / 5.0).cos(),
        }
    });
    let left = mask.mapv(|m| m * m).mean().unwrap();
    assert!(
        (power * 2.0 * (BOX as f64).powi(3) / left - 1.0).abs() < 1e-6,
        "{power}"
    );
    let sampling = star::read(&out.join("run_sampling.star")).unwrap();
    let general = sampling.table("sampling_general").unwrap();
    assert_eq!(general.get(0, "rlnSymmetryGroup"), Some("C2"));
}

#[test]
fn relion_goes_on_from_an_exported_iteration() {
    let found = Command::new("relion_refine").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!("skipped: relion_refine is not installed");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    refined(place.path());
    let out = place.path().join("out");
    let inputs = [
        ("particles", out.join("particles.particles.json")),
        ("map", out.join("map.mrc")),
        ("noise", out.join("noise.curves.json")),
    ];
    let settings = json!({ "iteration": 1, "folder": "exported/relion", "diameter": 100.0 });
    run(
        ALL,
        "export.relion-refinement",
        settings,
        &inputs,
        &place.path().join("exported"),
    );
    std::fs::create_dir(place.path().join("next")).unwrap();
    let relion = Command::new("relion_refine")
        .args([
            "--continue",
            "exported/relion/run_it001_optimiser.star",
            "--iter",
            "2",
        ])
        .args(["--o", "next/run", "--j", "1", "--skip_align"])
        .current_dir(place.path())
        .output();
    let relion = relion.unwrap();
    let told = String::from_utf8_lossy(&relion.stderr).into_owned();
    println!("{}{told}", String::from_utf8_lossy(&relion.stdout));
    assert!(relion.status.success(), "{told}");
    let data = star::read(&place.path().join("next/run_it002_data.star")).unwrap();
    assert_eq!(data.table("particles").unwrap().rows(), PARTICLES);
}
