//! A project of any number of jobs, made through the project's own door: chains from an import to a tomogram, of which every
//! fiftieth ends in a failure; at the end a set of particles and a large tomogram.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_contract::kinds::{ParticlesKind, TomogramKind};
use thon_contract::{Context, DirectoryWorkspace, Kind};
use thon_geometry::glam::{DQuat, DVec3, EulerRot};
use thon_geometry::{Grid, Point, Pose, Rotation};
use thon_images::mrc::write_volume;
use thon_model::{Half, ParticleSet, Tomogram, Weighting};
use thon_project::{Digest, JobNumber, JobRequest, ManifestDraft, Outcome, Project, UnitIdentity};
use thon_units::PixelSize;

/// Operation, its output slot and the kind of what comes out.
const CHAIN: [(&str, &str, &str); 5] = [
    ("import.mdoc", "tilt_series", "tilt-series"),
    ("movies.correct-motion", "tilt_series", "tilt-series"),
    ("tilt_series.align-patches", "tilt_series", "tilt-series"),
    ("ctf.estimate", "tilt_series", "tilt-series"),
    ("tomogram.reconstruct-wbp", "tomograms", "tomogram"),
];
/// One chain in so many fails at its last job.
const FAILS: usize = 50;

/// Makes a job with one unit whose files `fill` writes; answers its number.
fn job(
    project: &Project,
    operation: &str,
    title: String,
    input: Option<(&str, JobNumber)>,
    output: (&str, &str),
    fill: impl FnOnce(&Path, &Path) -> Option<Vec<PathBuf>>,
) -> JobNumber {
    let inputs: BTreeMap<&str, Value> = input
        .map(|(slot, job)| (slot, json!({ "job": { "job": job, "slot": slot } })))
        .into_iter()
        .collect();
    let request = JobRequest {
        operation: operation.into(),
        version: 1,
        title,
        parameters: json!({}),
        inputs: json!(inputs),
        upstream: input.into_iter().map(|(_, job)| job).collect(),
        seed: None,
        origin: None,
    };
    let number = project.create_job(request).unwrap().job;
    let attempt = project.start_attempt(number).unwrap();
    let identity = UnitIdentity {
        operation: operation.into(),
        version: 1,
        parameters: json!({}),
        inputs: json!({ "job": number }),
        seed: None,
        part: Value::Null,
    };
    let work = attempt.begin_unit(identity, "TS_1").unwrap();
    let place = PathBuf::from(work.destination().as_str());
    let Some(files) = fill(work.path(), &place) else {
        attempt.discard_unit(work).unwrap();
        let reason = "the tilt series has no images".into();
        attempt
            .end(&Outcome::Failed {
                reason,
                details: Value::Null,
            })
            .unwrap();
        return number;
    };
    let files: Vec<PathBuf> = files.iter().map(|file| place.join(file)).collect();
    let digest = Digest::of_value(&json!([number, files])).to_string();
    let (slot, kind) = output;
    let outputs = json!({ slot: { "kind": kind, "items": [{ "name": "TS_1", "files": files, "digest": digest }] } });
    let result = json!({ "outputs": outputs, "notes": [] });
    let unit = attempt
        .publish_unit(work, result, json!({ "quality": 0.5 }))
        .unwrap();
    let draft = ManifestDraft {
        outputs,
        units: vec![("TS_1".into(), unit)],
        items_in: 1,
        items_out: 1,
        rejected: Vec::new(),
        performance: json!({}),
    };
    attempt.finish(draft).unwrap();
    number
}

fn small(directory: &Path) -> Vec<PathBuf> {
    std::fs::write(directory.join("TS_1.json"), "{}\n").unwrap();
    vec!["TS_1.json".into()]
}

/// Chains until there are `jobs` jobs.
pub fn chains(project: &Project, jobs: usize) {
    let mut before = None;
    for made in 0..jobs {
        let (chain, step) = (made / CHAIN.len(), made % CHAIN.len());
        let (operation, slot, kind) = CHAIN[step];
        let input = before.filter(|_| step > 0).map(|job| ("tilt_series", job));
        let fails = step + 1 == CHAIN.len() && chain % FAILS == 0;
        let title = format!("grid {} position {}", chain / 60 + 1, chain % 60 + 1);
        let fill = |directory: &Path, _: &Path| (!fails).then(|| small(directory));
        before = Some(job(project, operation, title, input, (slot, kind), fill));
    }
}

/// A set of particles in some tilt series, on spirals, of three classes.
pub fn particles(project: &Project, count: usize, series: usize) -> JobNumber {
    let mut set = ParticleSet {
        tilt_series_names: (0..series).map(|k| format!("TS_{:03}", k + 1)).collect(),
        oriented: true,
        ..ParticleSet::default()
    };
    for k in 0..count {
        let turn = k as f64 * 0.37;
        let radius = 200.0 + (k % 4001) as f64;
        let place = DVec3::new(
            radius * turn.cos(),
            radius * turn.sin(),
            (k % 811) as f64 - 405.0,
        );
        let quaternion = DQuat::from_euler(EulerRot::ZYZ, turn, 0.01 * k as f64, 0.5);
        set.names.push(format!("particle_{:07}", k + 1));
        set.tilt_series.push((k * series / count) as u32);
        set.poses.push(Pose::new(
            Rotation::from_unit_quaternion(quaternion.normalize()),
            Point::from_vector(place),
        ));
        set.halves
            .push(if k % 2 == 0 { Half::One } else { Half::Two });
        set.classes.push((k % 3 + 1) as u32);
    }
    let title = format!("{count} particles");
    job(
        project,
        "particles.select",
        title,
        None,
        ("particles", "particles"),
        |directory, _| Some(written::<ParticlesKind>("particles", &set, directory)),
    )
}

fn written<K: Kind>(name: &str, value: &K::Value, directory: &Path) -> Vec<PathBuf> {
    let workspace = DirectoryWorkspace {
        root: directory.to_path_buf(),
    };
    let progress = thon_compute::Quiet;
    let context = Context::new(&workspace, &progress, 1 << 33);
    K::write(name, value, &context).unwrap()
}

/// A tomogram of 32-bit floats whose file has holes for zeros, but for every 32nd section.
pub fn tomogram(project: &Project, shape: [usize; 3]) -> JobNumber {
    let title = format!(
        "a tomogram of {} GB",
        4 * shape.iter().product::<usize>() / 1_000_000_000
    );
    job(
        project,
        "tomogram.denoise",
        title,
        None,
        ("tomograms", "tomogram"),
        |directory, place| {
            let file = directory.join("TS_1.mrc");
            let [nz, ny, nx] = shape;
            write_volume(&file, &vec![0.0; ny * nx], [1, ny, nx], Some(10.0)).unwrap();
            fill(&file, shape);
            let tomogram = Tomogram {
                name: "TS_1".into(),
                tilt_series: "TS_1".into(),
                grid: Grid::new(shape, PixelSize(10.0)),
                path: place.join("TS_1.mrc"),
                halves: None,
                weighting: Weighting::BackProjection,
            };
            let mut files = written::<TomogramKind>("TS_1", &tomogram, directory);
            files.push("TS_1.mrc".into());
            assert_eq!(
                std::fs::metadata(&file).unwrap().len(),
                1024 + 4 * (nz * ny * nx) as u64
            );
            Some(files)
        },
    )
}

/// Grows a volume of one section to many, and draws into some of them.
fn fill(path: &Path, [nz, ny, nx]: [usize; 3]) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    for (at, value) in [(8, nz), (36, nz)] {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&(value as u32).to_le_bytes()).unwrap();
    }
    file.seek(SeekFrom::Start(48)).unwrap();
    file.write_all(&(10.0 * nz as f32).to_le_bytes()).unwrap();
    file.set_len(1024 + 4 * (nz * ny * nx) as u64).unwrap();
    for z in (0..nz).step_by(32) {
        let wave = |y: usize, x: usize| (0.05 * x as f32).sin() + (0.03 * (y + z) as f32).cos();
        let section: Vec<u8> = (0..ny * nx)
            .flat_map(|k| wave(k / nx, k % nx).to_le_bytes())
            .collect();
        file.seek(SeekFrom::Start(1024 + 4 * (z * ny * nx) as u64))
            .unwrap();
        file.write_all(&section).unwrap();
    }
}
