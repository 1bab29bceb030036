//! One small simulated tilt series, and every job that can run on what comes of it, in the order of the work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use thon_catalogue::ALL;
use thon_compute::{Progress, Quiet};
use thon_contract::{
    AnyJob, Context, Finding, Item, ItemRecord, JobError, Kind, Note, SlotRecord, UnitInputs,
    UnitOutputs, Workspace,
};

/// Jobs that start from files which no other job of the set writes; tests/jobs runs them on such files.
const FROM_ELSEWHERE: [&str; 8] = [
    "import.aretomo",
    "import.digital-micrograph",
    "import.etomo",
    "import.map",
    "import.relion-2016",
    "import.relion-job",
    "movies.find-gain-orientation",
    "particles.curate",
];

/// A run of a job: parameters, and for each input the job and slot that fill it.
pub struct Case {
    pub id: &'static str,
    pub params: Value,
    inputs: Vec<(&'static str, &'static str, &'static str)>,
}

const SIMULATE: &str = "acquire.simulate-tilt-series";
const AVERAGE: &str = "particles.reconstruct";
const POST: &str = "maps.post-process";

/// A slot of the simulated set, and others that many jobs take.
type Filled = (&'static str, &'static str, &'static str);
const SERIES: Filled = ("tilt_series", SIMULATE, "tilt_series");
const PARTICLES: Filled = ("particles", SIMULATE, "particles");
const IMPORTED: Filled = ("tilt_series", "import.mdoc", "tilt_series");
const TOMOGRAMS: Filled = ("tomograms", "tomogram.reconstruct-wbp", "tomograms");
const HALVES: [Filled; 2] = [
    ("half_map_1", AVERAGE, "half_map_1"),
    ("half_map_2", AVERAGE, "half_map_2"),
];

fn case(id: &'static str, params: Value, inputs: &[Filled]) -> Case {
    Case {
        id,
        params,
        inputs: inputs.to_vec(),
    }
}

/// All cases in the order of the work.
pub fn cases() -> Vec<Case> {
    [
        recorded_cases_1(),
        series_cases_1(),
        tomogram_cases_1(),
        picking_cases(),
        particle_cases_2(),
        map_cases_3(),
        particle_cases_4(),
        map_cases_5(),
        export_cases_6(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How many times finer than usual the simulated series is, in the same field: 1, or what `THON_FIXTURE_SCALE` says.
pub fn scale() -> usize {
    let asked = std::env::var("THON_FIXTURE_SCALE");
    asked.map_or(1, |text| text.parse().unwrap())
}

/// Voxels of a box that usually has `edge`.
fn voxels(edge: usize) -> usize {
    edge * scale()
}

/// Å of a pixel or voxel that usually has `size`.
fn angstroms(size: f64) -> f64 {
    size / scale() as f64
}

fn recorded_cases_1() -> Vec<Case> {
    let data = format!("jobs/{SIMULATE}");
    let options = json!({
        "image_width": voxels(256), "image_height": voxels(256), "pixel_size": angstroms(10.0), "tilt_step": 10.0, "particles": 3,
        "frames": 2, "dose_per_tilt": 10.0, "ice_noise": 0.0, "dose_damage": false, "beads": 9
    });
    vec![
        case(
            SIMULATE,
            json!({ "seed": 3, "box_size": voxels(32), "options": options }),
            &[],
        ),
        case(
            "import.mdoc",
            json!({ "mdocs": [format!("{data}/*.mdoc")] }),
            &[],
        ),
        case(
            "import.relion-tilt-series",
            json!({ "file": format!("{data}/truth_tilt_series.star") }),
            &[],
        ),
        case(
            "import.relion-particles",
            json!({ "file": format!("{data}/truth_particles.star") }),
            &[SERIES],
        ),
        case(
            "import.particles",
            json!({ "files": [format!("{data}/truth_particles.star")], "format": "relion-5" }),
            &[SERIES],
        ),
        case(
            "tilt_series.adopt",
            json!({ "format": "relion", "path": format!("{data}/truth_tilt_series.star") }),
            &[IMPORTED],
        ),
        case(
            "tilt_series.mirror",
            json!({ "evidence": "a test" }),
            &[SERIES, PARTICLES],
        ),
    ]
}

fn series_cases_1() -> Vec<Case> {
    vec![
        case("movies.correct-motion", json!({}), &[SERIES]),
        case("tilt_series.check-views", json!({}), &[SERIES]),
        case("tilt_series.align-coarse", json!({}), &[SERIES]),
        case(
            "tilt_series.align-patches",
            json!({ "shortest_period": 60.0 }),
            &[SERIES],
        ),
        case(
            "tilt_series.align-projections",
            json!({ "shortest_period": 60.0 }),
            &[SERIES],
        ),
        case("tilt_series.exclude", json!({ "images": "2" }), &[SERIES]),
        case(
            "tilt_series.clean",
            json!({ "bead_diameter": 100.0, "normalise": true }),
            &[SERIES],
        ),
        case("tilt_series.filter-dose", json!({}), &[SERIES]),
        case("tilt_series.bin", json!({}), &[SERIES]),
        case(
            "tilt_series.align-fiducials",
            json!({ "bead_diameter": 100.0 }),
            &[SERIES],
        ),
        case(
            "tilt_series.align-tracks",
            json!({ "model": "jobs/tilt_series.align-fiducials/{name}.fid" }),
            &[SERIES],
        ),
        case("tilt_series.assess-alignment", json!({}), &[SERIES]),
        case(
            "tilt_series.compare-alignments",
            json!({}),
            &[
                SERIES,
                ("second", "tilt_series.align-fiducials", "tilt_series"),
            ],
        ),
        case(
            "tilt_series.level",
            json!({}),
            &[
                ("tilt_series", "tilt_series.align-fiducials", "tilt_series"),
                ("points", "tilt_series.align-fiducials", "points"),
            ],
        ),
    ]
}

fn tomogram_cases_1() -> Vec<Case> {
    let data = format!("jobs/{SIMULATE}");
    vec![
        case(
            "import.ctf",
            json!({ "files": format!("{data}/tilt_series/*.star") }),
            &[SERIES],
        ),
        case(
            "ctf.estimate",
            json!({ "resolution_low": 80.0, "defocus_min": 15000.0, "defocus_max": 45000.0 }),
            &[SERIES],
        ),
        case(
            "ctf.consensus",
            json!({}),
            &[SERIES, ("second", "ctf.estimate", "tilt_series")],
        ),
        case(
            "tomogram.reconstruct-wbp",
            json!({ "voxel_size": angstroms(20.0), "thickness": 1200.0, "halves": "tilts" }),
            &[SERIES],
        ),
        case("tomogram.correct-ctf", json!({}), &[SERIES]),
        case(
            "tomogram.reconstruct-ctf",
            json!({ "voxel_size": angstroms(20.0), "thickness": 1200.0 }),
            &[SERIES],
        ),
        case(
            "tomogram.reconstruct-iterative",
            json!({ "voxel_size": angstroms(20.0), "thickness": 1200.0, "iterations": 3 }),
            &[SERIES],
        ),
        case("tomogram.deconvolve", json!({}), &[TOMOGRAMS, SERIES]),
        case("tomogram.denoise", json!({}), &[TOMOGRAMS]),
        case(
            "tilt_series.level-density",
            json!({ "steepest": 10.0 }),
            &[SERIES, TOMOGRAMS],
        ),
        case(
            "tomogram.local-resolution",
            json!({ "options": { "frequencies": 6 } }),
            &[TOMOGRAMS],
        ),
    ]
}

fn picking_cases() -> Vec<Case> {
    vec![
        case(
            "tomogram.match-template",
            json!({ "angular_step": 60.0, "options": { "mask_diameter": 240.0 } }),
            &[TOMOGRAMS, SERIES, ("template", SIMULATE, "phantom")],
        ),
        case(
            "tomogram.extract-peaks",
            json!({ "threshold": { "count": 12 }, "distance": 150.0 }),
            &[("search", "tomogram.match-template", "search")],
        ),
        case(
            "tomogram.pick-blobs",
            json!({ "blobs": { "diameter": 200.0 } }),
            &[TOMOGRAMS],
        ),
        case(
            "tomogram.segment-membranes",
            json!({ "membranes": {
                "thickness": 80.0, "scale": 150.0, "threshold": 0.0, "low_threshold": 0.0, "least_area": 0.0
            } }),
            &[TOMOGRAMS],
        ),
        case(
            "tomogram.map-back",
            json!({ "radius": 120.0 }),
            &[TOMOGRAMS, PARTICLES, ("maps", SIMULATE, "phantom")],
        ),
        case(
            "particles.sample-geometry",
            json!({ "spacing": 120.0, "models": [
                { "tilt_series": "TS_01", "shape": { "shape": "sphere", "centre": [0.0, 0.0, 0.0], "radius": 300.0 } }
            ] }),
            &[TOMOGRAMS],
        ),
        case(
            "particles.fit-vesicles",
            json!({ "least_particles": 6, "trials": 200 }),
            &[("particles", "particles.sample-geometry", "particles")],
        ),
        case(
            "particles.neighbours",
            json!({ "bins": 10 }),
            &[("particles", "particles.sample-geometry", "particles")],
        ),
        case(
            "particles.sample-membranes",
            json!({ "least_area": 0.0, "thickness": 80.0 }),
            &[("labels", "tomogram.segment-membranes", "labels")],
        ),
        case(
            "tomogram.triangulate-membranes",
            json!({ "least_area": 0.0, "thickness": 80.0 }),
            &[("labels", "tomogram.segment-membranes", "labels")],
        ),
    ]
}

fn particle_cases_2() -> Vec<Case> {
    vec![
        case(
            AVERAGE,
            json!({ "box_size": voxels(32) }),
            &[SERIES, PARTICLES],
        ),
        case(
            "particles.refine",
            json!({
                "views": { "box_size": voxels(32) },
                "options": { "poses": { "start": "given" }, "maximum_iterations": 2 }
            }),
            &[SERIES, PARTICLES],
        ),
        case(
            "particles.classify",
            json!({ "views": { "box_size": voxels(32) }, "options": { "classes": 2, "restarts": 2 } }),
            &[SERIES, PARTICLES],
        ),
        case(
            "particles.carry-over",
            json!({}),
            &[
                PARTICLES,
                SERIES,
                ("old_tilt_series", SIMULATE, "tilt_series"),
            ],
        ),
        case(
            "particles.remove-duplicates",
            json!({ "radius": 50.0 }),
            &[PARTICLES],
        ),
        case(
            "particles.filter",
            json!({ "neighbours": { "radius": 5000.0 }, "volume_at_least": -1e9 }),
            &[
                PARTICLES,
                ("volumes", "tomogram.reconstruct-wbp", "tomograms"),
            ],
        ),
        case(
            "particles.consensus",
            json!({ "radius": 50.0, "sets": 1 }),
            &[PARTICLES, ("second", "tomogram.pick-blobs", "particles")],
        ),
        case(
            "particles.select",
            json!({ "half": 1 }),
            &[("particles", "particles.refine", "particles")],
        ),
        case(
            "particles.ctf-models",
            json!({ "box_size": voxels(32), "voxel_size": angstroms(20.0) }),
            &[SERIES, PARTICLES],
        ),
        case(
            "particles.extract-subtomograms",
            json!({ "box_size": voxels(32) }),
            &[SERIES, PARTICLES],
        ),
        case(
            "particles.project",
            json!({}),
            &[("particles", "particles.extract-subtomograms", "particles")],
        ),
    ]
}

fn map_cases_3() -> Vec<Case> {
    vec![
        case(
            "maps.compare",
            json!({}),
            &[("map", AVERAGE, "map"), ("reference", SIMULATE, "phantom")],
        ),
        case(
            "maps.create-mask",
            json!({ "from_map": { "low_pass": 60.0 } }),
            &[("map", AVERAGE, "map")],
        ),
    ]
}

fn particle_cases_4() -> Vec<Case> {
    vec![
        case(
            "particles.initial-model",
            json!({
                "options": { "particle_diameter": 250.0, "resolution": 70.0, "starts": 1, "start_iterations": 2, "iterations": 1 },
                "views": { "box_size": voxels(32) }
            }),
            &[SERIES, PARTICLES],
        ),
        case(
            "particles.subtract",
            json!({}),
            &[
                ("particles", "particles.extract-subtomograms", "particles"),
                ("map", AVERAGE, "map"),
                ("mask", "maps.create-mask", "mask"),
            ],
        ),
        case(
            "particles.compare",
            json!({}),
            &[PARTICLES, ("reference", AVERAGE, "particles")],
        ),
        case(
            "classification.class-2d",
            json!({ "options": { "classes": 1, "iterations": 2 } }),
            &[("particles", "particles.project", "particles")],
        ),
        case(
            "classification.principal-components",
            json!({ "options": { "components": 1, "classes": 2, "iterations": 0 } }),
            &[("particles", "particles.extract-subtomograms", "particles")],
        ),
    ]
}

fn map_cases_5() -> Vec<Case> {
    vec![
        case(
            "maps.transform",
            json!({ "options": { "mirror": true, "voxel_size": angstroms(12.0), "box_size": voxels(24), "low_pass": 50.0 } }),
            &[("map", AVERAGE, "map")],
        ),
        case(
            "maps.align",
            json!({ "options": { "within": 20.0, "mirror": false } }),
            &[("map", AVERAGE, "map"), ("reference", SIMULATE, "phantom")],
        ),
        case(
            "maps.difference",
            json!({ "options": { "low_pass": 50.0 } }),
            &[("map", AVERAGE, "map"), ("reference", SIMULATE, "phantom")],
        ),
        case(
            "maps.local-resolution",
            json!({ "options": { "sampling": 60.0 } }),
            &HALVES,
        ),
        case(
            "maps.directional-fsc",
            json!({ "options": { "cone": 30.0 } }),
            &[HALVES[0], HALVES[1], PARTICLES, SERIES],
        ),
        case(
            POST,
            json!({}),
            &[
                ("half_map_1", AVERAGE, "half_map_1"),
                ("half_map_2", AVERAGE, "half_map_2"),
            ],
        ),
        case(
            "symmetry.find",
            json!({ "largest_fold": 3, "resolution": 60.0 }),
            &[("map", SIMULATE, "phantom"), PARTICLES],
        ),
        case("symmetry.expand", json!({ "symmetry": "C3" }), &[PARTICLES]),
        case(
            "symmetry.parts",
            json!({ "symmetry": "D2", "x_offset": 40.0, "z_offset": 30.0, "point_along_z": true }),
            &[PARTICLES],
        ),
    ]
}

fn export_cases_6() -> Vec<Case> {
    vec![
        case("export.relion", json!({}), &[SERIES, PARTICLES]),
        case(
            "export.particles",
            json!({ "format": "dynamo" }),
            &[PARTICLES, TOMOGRAMS],
        ),
        case(
            "export.scene",
            json!({}),
            &[TOMOGRAMS, PARTICLES, ("maps", SIMULATE, "phantom")],
        ),
        case(
            "export.relion-projections",
            json!({ "box_size": voxels(32) }),
            &[SERIES, PARTICLES],
        ),
        case("export.imod", json!({}), &[SERIES]),
        case("export.stack", json!({}), &[SERIES]),
        case("export.aretomo", json!({}), &[SERIES]),
        case(
            "export.post-process",
            json!({}),
            &[("fsc", POST, "fsc"), ("guinier", POST, "guinier")],
        ),
        case(
            "export.relion-refinement",
            json!({ "iteration": 3 }),
            &[
                PARTICLES,
                SERIES,
                ("map", AVERAGE, "map"),
                HALVES[0],
                HALVES[1],
            ],
        ),
    ]
}

/// The job of this name.
pub fn job(id: &str) -> &'static dyn AnyJob {
    *ALL.iter().find(|job| job.id() == id).unwrap()
}

/// What every case left, each in `jobs/ID` of one directory.
pub struct Fixture {
    directory: tempfile::TempDir,
    outputs: BTreeMap<&'static str, UnitOutputs>,
}

/// The workspace of a unit that works in `aside` and is published to `jobs/ID`.
pub struct Unit {
    pub root: PathBuf,
    pub aside: PathBuf,
    pub id: String,
}

impl Workspace for Unit {
    fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
    fn scratch(&self) -> PathBuf {
        self.aside.clone()
    }
    fn published(&self, file: &Path) -> PathBuf {
        Path::new("jobs").join(&self.id).join(file)
    }
}

/// Memory that jobs are told they may use.
pub const MEMORY: u64 = 1 << 30;

/// The fixture, made once for all tests.
pub fn fixture() -> &'static Fixture {
    static MADE: OnceLock<Fixture> = OnceLock::new();
    MADE.get_or_init(Fixture::make)
}

impl Fixture {
    fn make() -> Self {
        let mut made = Self {
            directory: tempfile::tempdir().unwrap(),
            outputs: BTreeMap::new(),
        };
        for case in cases() {
            let aside = made.root().join("jobs").join(case.id);
            let (outputs, _) = made
                .run(&case, &Quiet, &aside)
                .unwrap_or_else(|e| panic!("{}: {e}", case.id));
            made.outputs.insert(case.id, outputs);
        }
        made
    }

    /// Directory that relative paths start from.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// An output slot of a case, files relative to the root.
    pub fn slot(&self, id: &str, slot: &str) -> SlotRecord {
        let mut record = self.outputs[id][slot].clone();
        for file in record.items.iter_mut().flat_map(|item| &mut item.files) {
            *file = Path::new("jobs").join(id).join(&file);
        }
        record
    }

    /// Reads the only item of an output slot.
    pub fn value<K: Kind>(&self, id: &str, slot: &str) -> K::Value {
        let unit = self.unit("", &self.root().join("aside"));
        let context = Context::new(&unit, &Quiet, MEMORY);
        let item = self.slot(id, slot).items.remove(0);
        context.load(&Item::<K>::new(item)).unwrap()
    }

    /// Writes an item into a directory of its own; gives a slot that holds it.
    pub fn stored<K: Kind>(&self, place: &str, name: &str, value: &K::Value) -> SlotRecord {
        let aside = self.root().join(place);
        let unit = self.unit("", &aside);
        let context = Context::new(&unit, &Quiet, MEMORY);
        let mut item = context.store::<K>(name, value).unwrap();
        for file in &mut item.files {
            *file = aside.join(&file);
        }
        slot_of::<K>(item)
    }

    pub fn inputs(&self, case: &Case) -> UnitInputs {
        let filled = case.inputs.iter();
        filled
            .map(|(slot, id, output)| ((*slot).to_owned(), self.slot(id, output)))
            .collect()
    }

    /// Runs a case as it stands, writing into `aside`.
    pub fn run(
        &self,
        case: &Case,
        progress: &dyn Progress,
        aside: &Path,
    ) -> Result<(UnitOutputs, Vec<Note>), JobError> {
        self.run_with(case.id, &case.params, &self.inputs(case), progress, aside)
    }

    /// Completes, checks and runs, writing into `aside`.
    pub fn run_with(
        &self,
        id: &str,
        params: &Value,
        inputs: &UnitInputs,
        progress: &dyn Progress,
        aside: &Path,
    ) -> Result<(UnitOutputs, Vec<Note>), JobError> {
        std::fs::create_dir_all(aside).unwrap();
        let job = job(id);
        let params = job.complete_params(params).map_err(JobError::Refused)?;
        let unit = self.unit(id, aside);
        let context = Context::new(&unit, progress, MEMORY);
        let mut findings = job.check(&params, inputs, &context);
        findings.retain(Finding::is_error);
        if !findings.is_empty() {
            return Err(JobError::Refused(findings));
        }
        let outputs = job.run(&params, inputs, &context)?;
        Ok((outputs, context.take_notes()))
    }

    /// A directory that no other run writes into.
    pub fn aside(&self) -> PathBuf {
        tempfile::tempdir_in(self.root()).unwrap().keep()
    }

    fn unit(&self, id: &str, aside: &Path) -> Unit {
        Unit {
            root: self.root().to_owned(),
            aside: aside.to_owned(),
            id: id.to_owned(),
        }
    }
}

/// A slot of one item.
pub fn slot_of<K: Kind>(item: ItemRecord) -> SlotRecord {
    SlotRecord {
        kind: K::NAME.into(),
        items: vec![item],
    }
}

/// All files below a directory with their bytes.
pub fn files_below(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(place) = open.pop() {
        for entry in std::fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn every_job_has_a_case() {
    let cases = cases();
    for job in ALL {
        let has = cases.iter().any(|case| case.id == job.id());
        assert!(
            has != FROM_ELSEWHERE.contains(&job.id()),
            "{} needs a case, or a reason to have none",
            job.id()
        );
    }
}
