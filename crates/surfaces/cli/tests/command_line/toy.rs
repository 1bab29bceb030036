//! Three small jobs, a pipeline and a demonstration over them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_cli::{Application, Demo, DemoReport, DemoRow, Expected};
use thon_contract::kinds::{Column, Curves, CurvesKind, FileListing, FilesKind};
use thon_contract::{
    AnyJob, Artifact, Citation, Context, Cost, Each, Finding, Job, JobError, Methods,
    None as NoInputs, Output,
};
use thon_engine::Catalogue;

/// The jobs.
pub static ALL: &[&dyn AnyJob] = &[&Make, &Scale, &Export];

/// The demonstration.
pub static DEMO: Demo = Demo {
    title: "Three curves are made and scaled",
    simulate: "name = \"simulate\"\njob = \"toy.make\"\nparameters = { count = 2 }\n",
    pipeline: PIPELINE,
    report,
};

/// Make, then scale.
pub const PIPELINE: &str = r#"
name = "toy"
[variables]
factor = 2.0
[[step]]
name = "make"
job = "toy.make"
[[step]]
name = "scale"
job = "toy.scale-curve"
parameters = { factor = "${factor}" }
inputs = { curve = "make.curves" }
"#;

/// The application over the toy jobs.
pub fn application() -> Application {
    Application {
        version: "0.0.0-toy",
        catalogue: Catalogue::new(ALL),
        demo: Some(&DEMO),
        serve: None,
        pipelines: &[],
    }
}

fn report(directory: &Path) -> Result<DemoReport, String> {
    let data = directory.join("data");
    let curves = std::fs::read_dir(&data).map_err(|e| e.to_string())?;
    let found = curves
        .filter_map(Result::ok)
        .filter(|e| e.file_name().to_string_lossy().ends_with(".curves.json"))
        .count();
    Ok(DemoReport {
        rows: vec![DemoRow {
            name: "simulated curves".into(),
            unit: String::new(),
            found: found as f64,
            expected: Expected::AtLeast(2.0),
        }],
        pictures: vec![directory.join("none.png")],
    })
}

fn curve(values: Vec<f64>) -> Curves {
    Curves {
        title: "toy".into(),
        columns: vec![Column::new("x", "", values)],
        facts: BTreeMap::new(),
    }
}

/// Makes curves.
pub struct Make;

/// Make as many curves as asked.
///
/// Each curve holds one number: its own index.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MakeParams {
    /// How many.
    pub count: u32,
    /// Files whose lengths are told.
    #[schemars(extend("x-path" = true))]
    pub measure: Vec<PathBuf>,
    /// Milliseconds that each of ten steps takes.
    #[schemars(extend("x-level" = "expert"))]
    pub pause: u64,
    /// Megabytes to ask the system for.
    #[schemars(extend("x-level" = "expert"))]
    pub allocate: u64,
}

impl Default for MakeParams {
    fn default() -> Self {
        Self {
            count: 3,
            measure: Vec::new(),
            pause: 0,
            allocate: 0,
        }
    }
}

/// What [`Make`] writes.
#[derive(Serialize, JsonSchema)]
pub struct MakeOutputs {
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
        work(params.pause, context)?;
        let asked = vec![1u8; (params.allocate << 20) as usize];
        std::hint::black_box(&asked);
        for file in &params.measure {
            let found = std::fs::metadata(context.resolve(file));
            let length = found.map_err(|e| JobError::file(file, e))?.len();
            context.metric(format!("{} (B)", file.display()), length as f64);
        }
        let item =
            |i: u32| context.store::<CurvesKind>(&format!("c{i}"), &curve(vec![f64::from(i)]));
        let items = (0..params.count).map(item).collect::<Result<_, _>>()?;
        Ok(MakeOutputs {
            curves: Output::of(items),
        })
    }

    fn methods(_: &MakeParams) -> Methods {
        Methods::default()
    }

    fn external_files(params: &MakeParams, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let there = |file: &&PathBuf| context.resolve(file).is_file();
        Ok(params.measure.iter().filter(there).cloned().collect())
    }
}

/// Ten steps of so many milliseconds.
fn work(pause: u64, context: &Context) -> Result<(), JobError> {
    for step in 0..10 {
        thon_compute::check(context.progress())?;
        std::thread::sleep(std::time::Duration::from_millis(pause));
        context.progress().advance(step + 1, 10);
    }
    Ok(())
}

/// Scales curves.
pub struct Scale;

/// Multiply each curve by a factor.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScaleParams {
    /// By how much.
    #[schemars(range(min = -100.0, max = 100.0), extend("x-unit" = "Å"))]
    pub factor: f64,
    /// What to do with negative values.
    pub negative: Negative,
    /// Whether to warn about each curve.
    pub warn: bool,
    /// Item that fails.
    pub fail: Option<String>,
    /// Smoothing.
    pub smoothing: Smoothing,
    /// Milliseconds that each of ten steps takes.
    #[schemars(extend("x-level" = "expert"))]
    pub pause: u64,
    /// A title of its own.
    pub title: Option<String>,
}

/// What to do with negative values.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Negative {
    /// Keep them.
    Keep,
    /// Set them to zero.
    Clip,
}

/// Smoothing.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Smoothing {
    /// Weights of the neighbours.
    pub weights: Vec<f64>,
}

impl Default for ScaleParams {
    fn default() -> Self {
        Self {
            factor: 2.0,
            negative: Negative::Keep,
            warn: false,
            fail: None,
            smoothing: Smoothing::default(),
            pause: 0,
            title: None,
        }
    }
}

/// What [`Scale`] takes.
#[derive(Deserialize, JsonSchema)]
pub struct ScaleInputs {
    /// One curve at a time.
    curve: Each<CurvesKind>,
}

/// What [`Scale`] writes.
#[derive(Serialize, JsonSchema)]
pub struct ScaleOutputs {
    /// The scaled curve.
    scaled: Output<CurvesKind>,
}

impl Job for Scale {
    const ID: &'static str = "toy.scale-curve";
    type Params = ScaleParams;
    type Inputs = ScaleInputs;
    type Outputs = ScaleOutputs;

    fn check(params: &ScaleParams, _: &ScaleInputs, _: &Context) -> Vec<Finding> {
        if params.factor == 0.0 {
            return vec![Finding::error("factor", "nothing would be left").with_hint("use 1")];
        }
        vec![]
    }

    fn cost(_: &ScaleParams, _: &ScaleInputs, _: &Context) -> Cost {
        Cost::default()
    }

    fn run(
        params: &ScaleParams,
        inputs: &ScaleInputs,
        context: &Context,
    ) -> Result<ScaleOutputs, JobError> {
        work(params.pause, context)?;
        let item = inputs.curve.item();
        if params.fail.as_deref() == Some(item.name()) {
            return Err(JobError::data("asked to fail"));
        }
        if params.warn {
            context.warn("this is only a toy");
            context.reject("point 7", "too far out");
        }
        let values = context.load(item)?.columns[0]
            .values
            .iter()
            .flatten()
            .map(|v| v * params.factor)
            .collect();
        context.metric("factor", params.factor);
        let scaled = context.store::<CurvesKind>(item.name(), &curve(values))?;
        Ok(ScaleOutputs {
            scaled: Output::of(vec![scaled]),
        })
    }

    fn methods(params: &ScaleParams) -> Methods {
        Methods {
            text: format!("Curves were multiplied by {}.", params.factor),
            citations: vec![Citation::new("Nobody 1999", "10.1000/toy")],
        }
    }
}

/// Exports curves.
pub struct Export;

/// Export curves as text.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExportParams {}

/// What [`Export`] takes.
#[derive(Deserialize, JsonSchema)]
pub struct ExportInputs {
    /// All curves.
    curves: Artifact<CurvesKind>,
}

/// What [`Export`] writes.
#[derive(Serialize, JsonSchema)]
pub struct ExportOutputs {
    /// The text files.
    files: Output<FilesKind>,
}

impl Job for Export {
    const ID: &'static str = "export.text-curves";
    type Params = ExportParams;
    type Inputs = ExportInputs;
    type Outputs = ExportOutputs;

    fn check(_: &ExportParams, _: &ExportInputs, _: &Context) -> Vec<Finding> {
        vec![]
    }

    fn cost(_: &ExportParams, _: &ExportInputs, _: &Context) -> Cost {
        Cost::default()
    }

    fn run(
        _: &ExportParams,
        inputs: &ExportInputs,
        context: &Context,
    ) -> Result<ExportOutputs, JobError> {
        let mut files = Vec::new();
        for item in inputs.curves.items() {
            let value = context.load(item)?.columns[0].values[0].unwrap_or(0.0);
            let name = format!("text/{}.txt", item.name());
            let path = context.file(&name)?;
            std::fs::write(&path, format!("{value}\n")).map_err(|e| JobError::file(&path, e))?;
            files.push(name.into());
        }
        let listing = FileListing {
            format: "text".into(),
            files,
            losses: vec!["the title of a curve".into()],
        };
        let item = context.store::<FilesKind>("curves", &listing)?;
        Ok(ExportOutputs {
            files: Output::of(vec![item]),
        })
    }

    fn methods(_: &ExportParams) -> Methods {
        Methods::default()
    }
}
