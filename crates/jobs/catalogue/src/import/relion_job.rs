//! A job of a RELION project as a job here: what it was, how it ended, and the files that it left, where they lie.
//!
//! Reader: `thon_interop::relion` (`job.star`). `thon project adopt` records one for each job of a project.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thon_contract::kinds::{FileListing, FilesKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_interop::relion::read_job_options;

use super::given_files::{required, stopped};
use super::item_name;
use super::tilt_series_set::existing;

/// A job of RELION.
pub(crate) struct ImportRelionJob;

/// Stand for a job of a RELION project, with its parameters and files.
///
/// Nothing is copied and nothing is run: the job says what RELION did and where the results lie, so that the graph of a project
/// begins where it began. Other import jobs take the files.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Directory of the RELION project.
    #[schemars(extend("x-path" = true))]
    pub project: PathBuf,
    /// Directory of the job in it, such as `Refine3D/job019`.
    pub job: String,
    /// What it does, by RELION's name, such as `relion.refine3d`.
    pub kind: String,
    /// How RELION says that it ended.
    pub state: String,
    /// The files that it made, by their paths in the project.
    pub nodes: Vec<String>,
}

/// Most jobs that one job of RELION may come from.
pub(crate) const SOURCES: usize = 6;

/// Inputs: the jobs that it came from.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "slots are named by their fields")]
pub(crate) struct Inputs {
    /// A job that it came from.
    #[expect(dead_code, reason = "an edge of the graph")]
    from_1: Option<Artifact<FilesKind>>,
    /// A second one.
    #[expect(dead_code, reason = "an edge of the graph")]
    from_2: Option<Artifact<FilesKind>>,
    /// A third one.
    #[expect(dead_code, reason = "an edge of the graph")]
    from_3: Option<Artifact<FilesKind>>,
    /// A fourth one.
    #[expect(dead_code, reason = "an edge of the graph")]
    from_4: Option<Artifact<FilesKind>>,
    /// A fifth one.
    #[expect(dead_code, reason = "an edge of the graph")]
    from_5: Option<Artifact<FilesKind>>,
    /// A sixth one.
    #[expect(dead_code, reason = "an edge of the graph")]
    from_6: Option<Artifact<FilesKind>>,
}

/// Outputs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Parameters and files.
    files: Output<FilesKind>,
}

impl Job for ImportRelionJob {
    const ID: &'static str = "import.relion-job";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &Inputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) = required("project", &params.project, "the directory of a project") {
            return vec![finding];
        }
        if params.job.is_empty() {
            let finding = Finding::error("job", "expected the directory of a job, found nothing");
            return vec![finding.with_hint("for example `Refine3D/job019`")];
        }
        let mut findings = Vec::new();
        if !params.state.is_empty() && params.state != "Succeeded" {
            let words = format!("RELION says of {}: {}", params.job, params.state);
            findings.push(Finding::error("state", words));
        }
        let absent = params
            .nodes
            .iter()
            .filter(|node| !context.resolve(&params.project.join(node)).exists());
        let absent: Vec<&String> = absent.collect();
        if let Some(first) = absent.first() {
            let (count, all) = (absent.len(), params.nodes.len());
            let words = format!("{count} of {all} files are not there: {first}");
            findings.push(Finding::warning("nodes", words));
        }
        findings
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: 16 << 20,
            disk: 1 << 16,
            cpu_seconds: 0.01,
        }
    }

    fn run(params: &Params, _: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let job_star = context.resolve(&params.project.join(&params.job).join("job.star"));
        let options = if job_star.exists() {
            read_job_options(&job_star).map_err(stopped)?.options
        } else {
            context.warn(format!("{} has no job.star", params.job));
            std::collections::BTreeMap::new()
        };
        let mut nodes = Vec::new();
        let mut there = 0;
        for node in &params.nodes {
            let path = context.resolve(&params.project.join(node));
            let bytes = std::fs::metadata(&path).ok().map(|file| file.len());
            there += usize::from(bytes.is_some());
            nodes.push(json!({ "file": params.project.join(node), "bytes": bytes }));
        }
        context.metric("files", nodes.len() as f64);
        context.metric("files that are there", there as f64);
        let name = item_name(params.job.trim_end_matches('/'));
        let file = format!("{name}.relion-job.json");
        let told = json!({
            "job": params.job, "kind": params.kind, "state": params.state, "options": options, "files": nodes,
        });
        let path = context.file(&file)?;
        let text = serde_json::to_vec_pretty(&told).map_err(|e| JobError::file(&path, e))?;
        std::fs::write(&path, text).map_err(|e| JobError::file(&path, e))?;
        let listing = FileListing {
            format: params.kind.clone(),
            files: vec![file.into()],
            losses: Vec::new(),
        };
        Ok(Outputs {
            files: Output::of(vec![context.store::<FilesKind>(&name, &listing)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let what = params.kind.trim_start_matches("relion.");
        Methods {
            text: format!("RELION was used ({what})."),
            citations: vec![Citation::new("Zivanov et al. 2018", "10.7554/eLife.42166")],
        }
    }

    /// The parameters and tables; maps and images are known by their names.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let job_star = Path::new(&params.job).join("job.star");
        let tables = params.nodes.iter().map(PathBuf::from);
        let tables = tables.filter(|node| node.extension().is_some_and(|end| end == "star"));
        let files = std::iter::once(job_star).chain(tables);
        Ok(existing(
            files.map(|file| params.project.join(file)),
            context,
        ))
    }
}
