//! A job of five durable steps dies in the middle and is taken up again: in a project and without one.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thon_contract::kinds::{Column, Curves, CurvesKind};
use thon_contract::{
    AnyJob, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_engine::{Catalogue, Engine, EngineError, JobSpec, Settings, Silent, run_standalone};
use thon_project::{Durable, JobNumber, Project};

/// Where the process that is to die works.
const PLACE: &str = "THON_TEST_KEPT_PLACE";
/// In which step it dies.
const DIES: &str = "THON_TEST_KEPT_DIES";
/// Whether it works in a project.
const IN_PROJECT: &str = "THON_TEST_KEPT_PROJECT";
const STEPS: usize = 5;

/// Steps computed by this process.
static COMPUTED: AtomicUsize = AtomicUsize::new(0);
/// Tests share the counter, so they run one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Steps;
/// Take five steps.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct StepsParams {
    /// Where it starts.
    start: f64,
    /// Step that fails in the given attempt, none by default.
    fail: Option<usize>,
}
impl Default for StepsParams {
    fn default() -> Self {
        Self {
            start: 0.3,
            fail: None,
        }
    }
}
#[derive(Serialize, JsonSchema)]
struct StepsOutputs {
    /// Where it ends.
    end: Output<CurvesKind>,
}

fn dies_in(step: usize) -> bool {
    std::env::var(DIES).is_ok_and(|at| at == step.to_string())
}

impl Job for Steps {
    const ID: &'static str = "toy.steps";
    type Params = StepsParams;
    type Inputs = NoInputs;
    type Outputs = StepsOutputs;
    fn check(_: &StepsParams, _: &NoInputs, _: &Context) -> Vec<Finding> {
        vec![]
    }
    fn cost(_: &StepsParams, _: &NoInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(
        params: &StepsParams,
        _: &NoInputs,
        context: &Context,
    ) -> Result<StepsOutputs, JobError> {
        let mut x = params.start;
        context.warn("it begins");
        for step in 1..=STEPS {
            let name = format!("step-{step}");
            if let Some(directory) = context.kept(&name)? {
                let bytes = std::fs::read(directory.join("state")).unwrap();
                x = f64::from_le_bytes(bytes.try_into().unwrap());
                continue;
            }
            COMPUTED.fetch_add(1, Ordering::SeqCst);
            x = 3.7 * x * (1.0 - x);
            context.warn(format!("step {step}: {x}"));
            let directory = context.keep(&name, |directory| {
                std::fs::write(directory.join("state"), x.to_le_bytes()).unwrap();
                if dies_in(step) {
                    std::process::abort(); // half-written
                }
                Ok(())
            })?;
            assert!(directory.join("state").is_file());
            if dies_in(step + 100) {
                std::process::abort(); // just published
            }
            if params.fail == Some(step) {
                return Err(JobError::data("asked to fail"));
            }
        }
        let curves = Curves {
            title: "toy".into(),
            columns: vec![Column::new("x", "", vec![x])],
            facts: BTreeMap::new(),
        };
        Ok(StepsOutputs {
            end: Output::of(vec![context.store::<CurvesKind>("end", &curves)?]),
        })
    }
    fn methods(_: &StepsParams) -> Methods {
        Methods::default()
    }
}

static ALL: &[&dyn AnyJob] = &[&Steps];

fn spec(start: f64) -> JobSpec {
    JobSpec {
        operation: "toy.steps".into(),
        parameters: json!({ "start": start }),
        ..JobSpec::default()
    }
}

fn engine(project: &Project) -> Engine<'_> {
    Engine {
        project,
        catalogue: Catalogue::new(ALL),
        observer: &Silent,
        settings: Settings::default(),
    }
}

/// Makes the job, or takes up the one that is there.
fn run_in_project(root: &Path, start: f64) {
    let durable = Durable::default();
    let project = Project::open(&durable, root).or_else(|_| Project::create(&durable, root));
    let project = project.unwrap();
    let engine = engine(&project);
    let asked = json!({ "start": start, "fail": null });
    let known = project.jobs().unwrap().into_iter().find(|job| {
        let request = project.facts(*job).unwrap().record.request;
        request.parameters == asked
    });
    let job = known.unwrap_or_else(|| engine.submit(&spec(start)).unwrap());
    engine.run(job).unwrap();
}

fn run_alone(output: &Path, start: f64) {
    run_standalone(
        &Catalogue::new(ALL),
        &spec(start),
        output,
        &Silent,
        Settings::default(),
    )
    .unwrap();
}

/// Not a test of its own: the body of the process that dies.
#[test]
#[ignore = "the body of the process that the other tests start"]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else {
        return;
    };
    if std::env::var_os(IN_PROJECT).is_some() {
        run_in_project(Path::new(&place), 0.3);
    } else {
        run_alone(Path::new(&place), 0.3);
    }
}

/// Runs the job in a process that aborts in a step, or after it when 100 is added.
fn dies(place: &Path, in_project: bool, at: usize) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env(PLACE, place)
        .env(DIES, at.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if in_project {
        command.env(IN_PROJECT, "yes");
    }
    assert!(!command.status().unwrap().success(), "it was to die");
}

/// The steps that `work` computes.
fn computed(work: impl FnOnce()) -> usize {
    COMPUTED.store(0, Ordering::SeqCst);
    work();
    COMPUTED.load(Ordering::SeqCst)
}

fn files(directory: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>, root: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("attempt-") || name == "job.json" {
            continue;
        }
        if path.is_dir() {
            files(&path, into, root);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            into.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
        }
    }
}

fn all_files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    files(root, &mut found, root);
    found
}

/// Number of files below the kept steps of a project.
fn kept_files(root: &Path) -> usize {
    let kept = root.join(".thon/kept");
    if kept.is_dir() {
        all_files(&kept).len()
    } else {
        0
    }
}

#[test]
fn a_killed_job_of_a_project_goes_on_from_its_last_step() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    assert_eq!(computed(|| run_in_project(&whole, 0.3)), STEPS);
    let expected = all_files(&whole.join("jobs"));
    assert!(expected.len() >= 2, "{:?}", expected.keys());
    assert_eq!(kept_files(&whole), 0, "kept steps go with the result");
    for (at, left) in [(1, 5), (3, 3), (103, 2), (105, 0)] {
        let root = place.path().join(format!("killed-{at}"));
        dies(&root, true, at);
        assert!(kept_files(&root) > 0);
        // An index made anew knows nothing of it, and loses nothing.
        let mut project = Project::open(&Durable::default(), &root).unwrap();
        let findings = project.verify(thon_project::Check::Digests).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        assert!(project.rebuild().unwrap().problems.is_empty());
        drop(project);
        assert_eq!(computed(|| run_in_project(&root, 0.3)), left, "at {at}");
        assert!(all_files(&root.join("jobs")) == expected, "at {at}");
        assert_eq!(kept_files(&root), 0, "at {at}");
    }
}

#[test]
fn another_job_of_the_same_work_profits_and_other_parameters_do_not() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("project");
    dies(&root, true, 104);
    let kept = kept_files(&root);
    assert_eq!(computed(|| run_in_project(&root, 0.4)), STEPS);
    assert_eq!(
        kept_files(&root),
        kept,
        "the steps of other work are left alone"
    );
    let project = Project::open(&Durable::default(), &root).unwrap();
    let engine = engine(&project);
    let other = engine.submit(&spec(0.3)).unwrap();
    assert_ne!(other, JobNumber(1));
    let steps = computed(|| drop(engine.run(other).unwrap()));
    assert_eq!(steps, 1);
    assert_eq!(kept_files(&root), 0);
    // The interrupted job finds the unit in the cache.
    assert_eq!(computed(|| drop(engine.run(JobNumber(1)).unwrap())), 0);
}

#[test]
fn a_failed_attempt_keeps_its_steps_and_damaged_ones_are_taken_again() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let engine = engine(&project);
    let mut spec = spec(0.3);
    spec.parameters = json!({ "start": 0.3, "fail": 4 });
    let job = engine.submit(&spec).unwrap();
    let fails = || drop(engine.run(job).unwrap_err());
    assert_eq!(computed(fails), 4);
    // Attempt 2 fails in no step: the fourth is there already.
    let kept = place.path().join(".thon/kept");
    let (state, _) = all_files(&kept)
        .into_iter()
        .find(|(path, _)| path.ends_with("step-2/files/state"))
        .unwrap();
    std::fs::write(kept.join(state), 0.5f64.to_le_bytes()).unwrap();
    assert_eq!(computed(|| drop(engine.run(job).unwrap())), 2);
    let warnings = |job| {
        let facts = project.facts(job).unwrap();
        let unit = facts.units.into_values().next().unwrap();
        unit.result["notes"].as_array().unwrap().len()
    };
    assert!(warnings(job) >= STEPS);
}

#[test]
fn a_killed_run_on_plain_files_goes_on_from_its_last_step() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    assert_eq!(computed(|| run_alone(&whole, 0.3)), STEPS);
    let expected = all_files(&whole);
    let killed = place.path().join("killed");
    dies(&killed, false, 2);
    dies(&killed, false, 104);
    assert_eq!(computed(|| run_alone(&killed, 0.3)), 1);
    assert!(all_files(&killed) == expected);
    // Another run into the same directory finds nothing, and leaves nothing.
    let other = place.path().join("other");
    dies(&other, false, 104);
    assert_eq!(computed(|| run_alone(&other, 0.4)), STEPS);
    assert!(!other.join(".kept").exists());
    assert_eq!(all_files(&other).len(), expected.len());
}

#[test]
fn names_of_steps_are_checked() {
    let place = tempfile::tempdir().unwrap();
    let workspace = thon_contract::DirectoryWorkspace {
        root: place.path().join("unit"),
    };
    let context = Context::new(&workspace, &thon_compute::Quiet, 1 << 20);
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "../a",
        "/a",
        "ä",
        ".a",
        &"a".repeat(101),
    ] {
        assert!(context.kept(name).is_err(), "{name:?}");
        assert!(context.keep(name, |_| Ok(())).is_err(), "{name:?}");
    }
    let error = context.keep("a", |_| Err(JobError::Cancelled)).unwrap_err();
    assert!(matches!(error, JobError::Cancelled));
    let said = EngineError::Unit {
        item: "x".into(),
        source: context.kept("a/b").unwrap_err(),
    };
    assert!(
        said.to_string()
            .contains("cannot be the name of a kept step"),
        "{said}"
    );
}
