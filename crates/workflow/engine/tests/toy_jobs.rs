//! The engine with three small jobs: mapping, cache, resume, failure, cancel, pipelines.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thon_contract::kinds::{Column, Curves, CurvesKind};
use thon_contract::{
    AnyJob, Artifact, Context, Cost, Each, Finding, Job, JobError, Methods, None as NoInputs,
    Output,
};
use thon_engine::{
    Catalogue, Engine, EngineError, Event, JobSpec, Observer, Pipeline, Settings, Silent, Source,
    explain, run_pipeline, run_standalone,
};
use thon_project::{Durable, JobState, Project};

static DOUBLED: AtomicUsize = AtomicUsize::new(0);
/// Tests share the counter, so they run one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn curves(values: Vec<f64>) -> Curves {
    Curves {
        title: "toy".into(),
        columns: vec![Column::new("x", "", values)],
        facts: BTreeMap::new(),
    }
}

struct Make;
/// Make as many curves as asked.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct MakeParams {
    /// How many.
    count: u32,
}
impl Default for MakeParams {
    fn default() -> Self {
        Self { count: 3 }
    }
}
#[derive(Serialize, JsonSchema)]
struct MakeOutputs {
    /// The curves.
    curves: Output<CurvesKind>,
}
impl Job for Make {
    const ID: &'static str = "toy.make";
    type Params = MakeParams;
    type Inputs = NoInputs;
    type Outputs = MakeOutputs;
    fn check(_: &MakeParams, _: &NoInputs, _: &Context) -> Vec<Finding> {
        vec![]
    }
    fn cost(_: &MakeParams, _: &NoInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(params: &MakeParams, _: &NoInputs, context: &Context) -> Result<MakeOutputs, JobError> {
        let item =
            |i: u32| context.store::<CurvesKind>(&format!("c{i}"), &curves(vec![f64::from(i)]));
        Ok(MakeOutputs {
            curves: Output::of((0..params.count).map(item).collect::<Result<_, _>>()?),
        })
    }
    fn methods(_: &MakeParams) -> Methods {
        Methods::default()
    }
}

struct Double;
/// Multiply each curve.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct DoubleParams {
    /// By how much.
    #[schemars(range(min = 1.0))]
    factor: f64,
    /// Item that fails.
    fail: Option<String>,
}
impl Default for DoubleParams {
    fn default() -> Self {
        Self {
            factor: 2.0,
            fail: None,
        }
    }
}
#[derive(Deserialize, JsonSchema)]
struct DoubleInputs {
    /// One curve at a time.
    curve: Each<CurvesKind>,
}
#[derive(Serialize, JsonSchema)]
struct DoubleOutputs {
    /// The multiplied curve.
    doubled: Output<CurvesKind>,
}
impl Job for Double {
    const ID: &'static str = "toy.double";
    type Params = DoubleParams;
    type Inputs = DoubleInputs;
    type Outputs = DoubleOutputs;
    fn check(params: &DoubleParams, _: &DoubleInputs, _: &Context) -> Vec<Finding> {
        if params.factor > 100.0 {
            vec![Finding::error("factor", "too much")]
        } else {
            vec![]
        }
    }
    fn cost(_: &DoubleParams, _: &DoubleInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(
        params: &DoubleParams,
        inputs: &DoubleInputs,
        context: &Context,
    ) -> Result<DoubleOutputs, JobError> {
        thon_compute::check(context.progress())?;
        DOUBLED.fetch_add(1, Ordering::SeqCst);
        let item = inputs.curve.item();
        if params.fail.as_deref() == Some(item.name()) {
            return Err(JobError::data("asked to fail"));
        }
        let values = context.load(item)?.columns[0]
            .values
            .iter()
            .flatten()
            .map(|v| v * params.factor)
            .collect();
        context.metric("factor", params.factor);
        Ok(DoubleOutputs {
            doubled: Output::of(vec![
                context.store::<CurvesKind>(item.name(), &curves(values))?,
            ]),
        })
    }
    fn methods(_: &DoubleParams) -> Methods {
        Methods::default()
    }
}

struct Sum;
/// Add all curves up.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SumParams {}
#[derive(Deserialize, JsonSchema)]
struct SumInputs {
    /// All curves.
    curves: Artifact<CurvesKind>,
}
#[derive(Serialize, JsonSchema)]
struct SumOutputs {
    /// The sum.
    sum: Output<CurvesKind>,
}
impl Job for Sum {
    const ID: &'static str = "toy.sum";
    type Params = SumParams;
    type Inputs = SumInputs;
    type Outputs = SumOutputs;
    fn check(_: &SumParams, _: &SumInputs, _: &Context) -> Vec<Finding> {
        vec![]
    }
    fn cost(_: &SumParams, _: &SumInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(_: &SumParams, inputs: &SumInputs, context: &Context) -> Result<SumOutputs, JobError> {
        let mut sum = 0.0;
        for item in inputs.curves.items() {
            sum += context.load(item)?.columns[0].values[0].unwrap_or(0.0);
        }
        Ok(SumOutputs {
            sum: Output::of(vec![
                context.store::<CurvesKind>("sum", &curves(vec![sum]))?,
            ]),
        })
    }
    fn methods(_: &SumParams) -> Methods {
        Methods::default()
    }
}

static ALL: &[&dyn AnyJob] = &[&Make, &Double, &Sum];

const PIPELINE: &str = r#"
name = "toy"
[variables]
factor = 2.0
[[step]]
name = "make"
job = "toy.make"
[[step]]
name = "double"
job = "toy.double"
parameters = { factor = "${factor}" }
inputs = { curve = "make.curves" }
[[step]]
name = "sum"
job = "toy.sum"
inputs = { curves = "double.doubled" }
"#;

fn pipeline() -> Pipeline {
    Pipeline::parse(PIPELINE, Path::new("toy.toml")).unwrap()
}

fn engine<'a>(project: &'a Project, observer: &'a dyn Observer) -> Engine<'a> {
    Engine {
        project,
        catalogue: Catalogue::new(ALL),
        observer,
        settings: Settings::default(),
    }
}

fn run(
    project: &Project,
    variables: &[(&str, Value)],
) -> Result<Vec<thon_engine::StepOutcome>, EngineError> {
    let given = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), v.clone()))
        .collect();
    run_pipeline(
        &engine(project, &Silent),
        &pipeline(),
        Path::new("toy.toml"),
        &given,
    )
}

fn sum_of(project: &Project, outcomes: &[thon_engine::StepOutcome]) -> f64 {
    let file = outcomes[2].manifest.outputs["sum"]["items"][0]["files"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let text = std::fs::read(project.root().join(file)).unwrap();
    serde_json::from_slice::<Curves>(&text).unwrap().columns[0].values[0].unwrap()
}

#[test]
fn a_pipeline_maps_caches_and_resumes() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), directory.path()).unwrap();
    DOUBLED.store(0, Ordering::SeqCst);
    let first = run(&project, &[]).unwrap();
    assert_eq!(sum_of(&project, &first), 6.0);
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 3);
    assert!(first.iter().all(|step| !step.already_done));
    // The same again: nothing runs. Another factor: three units run. The first factor again: none.
    assert!(
        run(&project, &[])
            .unwrap()
            .iter()
            .all(|step| step.already_done)
    );
    let other = run(&project, &[("factor", json!(3.0))]).unwrap();
    assert_eq!(sum_of(&project, &other), 9.0);
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 6);
    assert!(other[0].already_done && !other[1].already_done);
    run(&project, &[("factor", json!(2.0))]).unwrap();
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 6);
    // A job outside the pipeline with the same work takes its units from the cache.
    let engine = engine(&project, &Silent);
    let inputs = [(
        "curve".to_owned(),
        Source::Job {
            job: first[0].job,
            slot: "curves".into(),
        },
    )]
    .into();
    let spec = JobSpec {
        operation: "toy.double".into(),
        inputs,
        ..JobSpec::default()
    };
    let again = engine.submit(&spec).unwrap();
    assert_eq!(engine.run(again).unwrap().items_out, 3);
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 6);
}

#[test]
fn explain_names_what_changed() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), directory.path()).unwrap();
    let outcomes = run(&project, &[]).unwrap();
    let engine = engine(&project, &Silent);
    assert!(
        explain(&engine, outcomes[1].job)
            .unwrap()
            .iter()
            .all(|unit| unit.found_in.is_some())
    );
    let inputs = [(
        "curve".to_owned(),
        Source::Job {
            job: outcomes[0].job,
            slot: "curves".into(),
        },
    )]
    .into();
    let parameters = json!({ "factor": 5.0 });
    let spec = JobSpec {
        operation: "toy.double".into(),
        parameters,
        inputs,
        ..JobSpec::default()
    };
    let job = engine.submit(&spec).unwrap();
    let said = explain(&engine, job).unwrap();
    assert_eq!(said[0].differences, ["parameters/factor was 2.0, is 5.0"]);
}

#[test]
fn a_failed_item_is_named_and_the_others_are_kept() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), directory.path()).unwrap();
    let made = run(&project, &[]).unwrap();
    let inputs: BTreeMap<String, Source> = [(
        "curve".to_owned(),
        Source::Job {
            job: made[0].job,
            slot: "curves".into(),
        },
    )]
    .into();
    let parameters = json!({ "factor": 7.0, "fail": "c1" });
    let spec = JobSpec {
        operation: "toy.double".into(),
        parameters,
        inputs,
        ..JobSpec::default()
    };
    let strict = engine(&project, &Silent);
    let job = strict.submit(&spec).unwrap();
    let error = strict.run(job).unwrap_err().to_string();
    assert!(
        error.contains("1 of 3 items failed") && error.contains("c1: asked to fail"),
        "{error}"
    );
    assert_eq!(project.status(job).unwrap().state, JobState::Failed);
    assert!(project.result(job).is_err());
    DOUBLED.store(0, Ordering::SeqCst);
    let lenient = Engine {
        settings: Settings {
            accept_partial: true,
            ..Settings::default()
        },
        ..strict
    };
    let manifest = lenient.run(job).unwrap();
    assert_eq!(
        (
            manifest.items_in,
            manifest.items_out,
            manifest.rejected.len()
        ),
        (3, 2, 1)
    );
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 1); // only the failed one ran again
}

#[test]
fn nonsense_is_refused_before_anything_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), directory.path()).unwrap();
    let engine = engine(&project, &Silent);
    let refused = |operation: &str, parameters: Value, inputs: BTreeMap<String, Source>| {
        let spec = JobSpec {
            operation: operation.into(),
            parameters,
            inputs,
            ..JobSpec::default()
        };
        engine.submit(&spec).unwrap_err().to_string()
    };
    assert!(refused("toy.duoble", json!({}), [].into()).contains("did you mean `toy.double`?"));
    assert!(
        refused("toy.make", json!({ "cuont": 2 }), [].into()).contains("did you mean `count`?")
    );
    assert!(refused("toy.double", json!({}), [].into()).contains("it is required and empty"));
    let wrong = [("curves".to_owned(), Source::Files(vec![]))].into();
    assert!(refused("toy.double", json!({}), wrong).contains("did you mean `curve`?"));
    assert!(refused("toy.double", json!({ "factor": 0 }), [].into()).contains("at least 1"));
    assert!(project.jobs().unwrap().is_empty());
    let error = Pipeline::parse("name = 3", Path::new("p.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("p.toml: ") && error.contains("line 1"),
        "{error}"
    );
}

/// Stops after the first unit has ended.
struct StopAfterOne(AtomicUsize);
impl Observer for StopAfterOne {
    fn tell(&self, event: Event<'_>) {
        if matches!(event, Event::Finished { .. }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn stop(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 2 // the unit of `make` is the first
    }
}

#[test]
fn a_cancelled_run_keeps_what_was_done() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), directory.path()).unwrap();
    let observer = StopAfterOne(AtomicUsize::new(0));
    DOUBLED.store(0, Ordering::SeqCst);
    let given = BTreeMap::new();
    let stopped = run_pipeline(
        &engine(&project, &observer),
        &pipeline(),
        Path::new("toy.toml"),
        &given,
    );
    assert!(matches!(stopped, Err(EngineError::Cancelled)));
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 1);
    let outcomes = run(&project, &[]).unwrap();
    assert_eq!(sum_of(&project, &outcomes), 6.0);
    assert_eq!(DOUBLED.load(Ordering::SeqCst), 3);
    assert_eq!(
        outcomes[1].job.0, 2,
        "the cancelled job was taken up, not made again"
    );
}

#[test]
fn a_job_runs_on_plain_files_without_a_project() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("line.curves.json");
    std::fs::write(&file, serde_json::to_vec(&curves(vec![4.0])).unwrap()).unwrap();
    let inputs = [("curve".to_owned(), Source::Files(vec![file]))].into();
    let spec = JobSpec {
        operation: "toy.double".into(),
        inputs,
        ..JobSpec::default()
    };
    let output = directory.path().join("result");
    run_standalone(
        &Catalogue::new(ALL),
        &spec,
        &output,
        &Silent,
        Settings::default(),
    )
    .unwrap();
    let text = std::fs::read(output.join("line.curves.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<Curves>(&text).unwrap().columns[0].values,
        [Some(8.0)]
    );
    let again = run_standalone(
        &Catalogue::new(ALL),
        &spec,
        &output,
        &Silent,
        Settings::default(),
    );
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("already holds a result")
    );
}

#[test]
fn what_a_job_refuses_is_not_recorded() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), directory.path()).unwrap();
    let made = run(&project, &[]).unwrap();
    let known = project.jobs().unwrap();
    let source = Source::Job {
        job: made[0].job,
        slot: "curves".into(),
    };
    let spec = JobSpec {
        operation: "toy.double".into(),
        parameters: json!({ "factor": 200.0 }),
        inputs: [("curve".to_owned(), source)].into(),
        ..JobSpec::default()
    };
    let error = engine(&project, &Silent).submit(&spec).unwrap_err();
    assert!(error.to_string().contains("factor: too much"), "{error}");
    assert_eq!(project.jobs().unwrap(), known);
}
