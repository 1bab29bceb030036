//! Files of other programs fill slots as they lie on disk, and stand beside results of runs without a project.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind};
use thon_contract::{
    AnyJob, Artifact, Beside, Border, Companion, Context, Cost, Finding, ForeignItem,
    ForeignReader, ForeignValue, Item, Job, JobError, Methods, Note, Output,
};
use thon_engine::{
    Catalogue, Engine, EngineError, Event, JobSpec, Observer, Settings, Source, run_standalone,
};
use thon_project::{Durable, Project};

static RUNS: AtomicUsize = AtomicUsize::new(0);
/// Tests share the counter, so they run one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn curves(value: f64) -> Curves {
    Curves {
        title: "toy".into(),
        columns: vec![Column::new("x", "", vec![value])],
        facts: BTreeMap::new(),
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

fn total(inputs: &SumInputs, context: &Context) -> Result<f64, JobError> {
    let mut sum = 0.0;
    for item in inputs.curves.items() {
        sum += context.load(item)?.columns[0].values[0].unwrap_or(0.0);
    }
    Ok(sum)
}

impl Job for Sum {
    const ID: &'static str = "toy.sum";
    type Params = SumParams;
    type Inputs = SumInputs;
    type Outputs = SumOutputs;
    fn check(_: &SumParams, inputs: &SumInputs, context: &Context) -> Vec<Finding> {
        let failed = total(inputs, context).err();
        failed
            .map(|e| Finding::error("curves", e.to_string()))
            .into_iter()
            .collect()
    }
    fn cost(_: &SumParams, _: &SumInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(_: &SumParams, inputs: &SumInputs, context: &Context) -> Result<SumOutputs, JobError> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        let sum = total(inputs, context)?;
        total(inputs, context)?;
        Ok(SumOutputs {
            sum: Output::of(vec![context.store::<CurvesKind>("sum", &curves(sum))?]),
        })
    }
    fn methods(_: &SumParams) -> Methods {
        Methods::default()
    }
}

/// Names with values, and files.
type Lines = (Vec<(String, f64)>, Vec<PathBuf>);

/// Lines `name value`; `# file` names a file that belongs to all items.
fn lines(file: &Path, context: &Context) -> Result<Lines, JobError> {
    let path = context.resolve(file);
    let text = std::fs::read_to_string(&path).map_err(|e| JobError::file(&path, e))?;
    let (mut items, mut files) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("#", name)) => files.push(file.with_file_name(name)),
            Some((name, value)) => {
                let value = value.parse().map_err(|e| JobError::file(&path, e))?;
                items.push((name.to_owned(), value));
            }
            None => return Err(JobError::file(&path, "expected a name and a number")),
        }
    }
    Ok((items, files))
}

const READER: ForeignReader = ForeignReader {
    kind: "curves",
    extensions: &["txt"],
    items: |file, context| {
        let (items, files) = lines(file, context)?;
        let item = |(name, value): (String, f64)| ForeignItem {
            digest: format!("{name} {value}"),
            name,
            files: files.clone(),
        };
        Ok(items.into_iter().map(item).collect())
    },
    read: |file, name, context| {
        let (items, _) = lines(file, context)?;
        let (_, value) = items.iter().find(|(own, _)| own == name).unwrap();
        Ok(ForeignValue {
            value: Box::new(curves(*value)),
            remarks: vec!["lines have no units".into()],
        })
    },
};

/// `sum.txt` beside the sum; no sum is negative.
fn beside(beside: &Beside<'_>, context: &Context) -> Result<(), JobError> {
    let record = beside.outputs["sum"].items[0].clone();
    let sum = context.load(&Item::<CurvesKind>::new(record))?.columns[0].values[0].unwrap();
    if sum < 0.0 {
        return Err(JobError::data("the sum is negative"));
    }
    let path = context.file("sum.txt")?;
    std::fs::write(&path, format!("sum {sum}\n")).map_err(|e| JobError::file(&path, e))
}

const COMPANION: Companion = Companion {
    name: "lines",
    fits: |job| job.outputs().iter().any(|slot| slot.name == "sum"),
    write: beside,
};

static ALL: &[&dyn AnyJob] = &[&Sum];
static READERS: &[ForeignReader] = &[READER];
static COMPANIONS: &[Companion] = &[COMPANION];

fn catalogue() -> Catalogue {
    Catalogue::new(ALL).with_border(Border {
        readers: READERS,
        companions: COMPANIONS,
        ..Border::default()
    })
}

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

fn spec(files: &[&Path]) -> JobSpec {
    let files = files.iter().map(|file| file.to_path_buf()).collect();
    JobSpec {
        operation: "toy.sum".into(),
        inputs: [("curves".to_owned(), Source::Files(files))].into(),
        ..JobSpec::default()
    }
}

fn alone(files: &[&Path], output: &Path) -> Result<Vec<String>, EngineError> {
    let listener = Listener::default();
    let settings = Settings::default();
    run_standalone(&catalogue(), &spec(files), output, &listener, settings)?;
    Ok(listener.0.into_inner().unwrap())
}

fn sum_in(file: &Path) -> f64 {
    let text = std::fs::read(file).unwrap();
    serde_json::from_slice::<Curves>(&text).unwrap().columns[0].values[0].unwrap()
}

#[test]
fn a_foreign_file_is_read_as_it_lies() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let [foreign, own] = ["three.txt", "own.curves.json"].map(|name| place.path().join(name));
    std::fs::write(&foreign, "a 1\nb 2\nc 4\n").unwrap();
    std::fs::write(&own, serde_json::to_vec(&curves(8.0)).unwrap()).unwrap();
    let output = place.path().join("out");
    let warnings = alone(&[&foreign, &own], &output).unwrap();
    assert_eq!(sum_in(&output.join("sum.curves.json")), 15.0);
    assert_eq!(warnings, ["lines have no units"], "each remark once");
    let beside = std::fs::read_to_string(output.join("sum.txt")).unwrap();
    assert_eq!(beside, "sum 15\n");
    // What the companion cannot write is said; the result stays.
    std::fs::write(&foreign, "a -1\n").unwrap();
    let output = place.path().join("negative");
    let warnings = alone(&[&foreign], &output).unwrap();
    assert_eq!(warnings[1], "lines are not written: the sum is negative");
    assert_eq!(sum_in(&output.join("sum.curves.json")), -1.0);
    assert!(!output.join("sum.txt").exists());
}

#[test]
fn a_bad_foreign_file_is_refused_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    let foreign = place.path().join("bad.txt");
    let output = place.path().join("out");
    for text in ["a\n", "a x\n"] {
        std::fs::write(&foreign, text).unwrap();
        let error = alone(&[&foreign], &output).unwrap_err().to_string();
        assert!(
            error.contains("input curves of toy.sum") && error.contains("bad.txt"),
            "{error}"
        );
        assert!(!output.exists());
    }
    std::fs::write(&foreign, "a 1\na 2\n").unwrap();
    let error = alone(&[&foreign], &output).unwrap_err().to_string();
    assert!(error.contains("two files make an item named a"), "{error}");
}

#[test]
fn in_a_project_a_foreign_file_is_known_by_what_it_says() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let listener = Listener::default();
    let engine = Engine {
        project: &project,
        catalogue: catalogue(),
        observer: &listener,
        settings: Settings::default(),
    };
    let run = || {
        RUNS.store(0, Ordering::SeqCst);
        let job = engine.submit(&spec(&[Path::new("in.txt")])).unwrap();
        engine.run(job).unwrap();
        RUNS.load(Ordering::SeqCst)
    };
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    write("in.txt", "a 1\n# image\n");
    assert_eq!(run(), 1);
    assert_eq!(run(), 0);
    // Other bytes that say the same: known. An image appears, changes its size, the table says something else: not.
    write("in.txt", "# image\na 1.0\n");
    assert_eq!(run(), 0);
    write("image", "pixels");
    assert_eq!(run(), 1);
    write("image", "more pixels");
    assert_eq!(run(), 1);
    write("in.txt", "a 2\n# image\n");
    assert_eq!(run(), 1);
    assert_eq!(run(), 0);
}

#[test]
fn companions_of_a_plain_json_file_count() {
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let place = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let listener = Listener::default();
    let engine = Engine {
        project: &project,
        catalogue: catalogue(),
        observer: &listener,
        settings: Settings::default(),
    };
    let text = serde_json::to_vec(&curves(8.0)).unwrap();
    std::fs::write(place.path().join("x.curves.json"), text).unwrap();
    let run = || {
        RUNS.store(0, Ordering::SeqCst);
        let job = engine.submit(&spec(&[Path::new("x.curves.json")])).unwrap();
        engine.run(job).unwrap();
        RUNS.load(Ordering::SeqCst)
    };
    assert_eq!(run(), 1);
    std::fs::write(place.path().join("x.other.npz"), b"of another").unwrap();
    assert_eq!(run(), 0);
    for columns in ["one", "two"] {
        std::fs::write(place.path().join("x.curves.npz"), columns).unwrap();
        assert_eq!(run(), 1, "{columns}");
    }
}
