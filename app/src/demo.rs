//! The demonstration: what it runs, and what it reports against the truth.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thon_cli::{Demo, DemoReport, DemoRow, Expected};
use thon_project::{Durable, JobNumber, Manifest, Project};

/// From simulated tilt series to a map.
pub static FIRST_LIGHT: Demo = Demo {
    title: "First light: from simulated movies of 70S ribosomes to a map",
    simulate: include_str!("../demo/simulate.toml"),
    pipeline: include_str!("../demo/pipeline.toml"),
    report,
};

/// Name of the pipeline, under which its jobs are found.
const PIPELINE: &str = "first-light";
/// Mean FSC with the phantom, up to half of Nyquist, that a mirrored map must stay below.
const MIRRORED: f64 = 0.6;

struct Results {
    project: Project,
    data: PathBuf,
}

fn report(directory: &Path) -> Result<DemoReport, String> {
    let project = Project::open_to_read(&Durable::default(), &directory.join("project"))
        .map_err(|e| e.to_string())?;
    let results = Results {
        project,
        data: directory.join("data"),
    };
    let compare = results.manifest("compare")?;
    let post = results.manifest("post-process")?;
    let bound = fact(
        &results.data.join("bound.curves.json"),
        "resolution at FSC 0.5 (Å)",
    )?;
    let with_truth = results.file(&compare, "fsc", 0)?;
    let halves = results.file(&post, "fsc", 0)?;
    let rows = series_rows(&results)?
        .into_iter()
        .chain(map_rows(&results, &with_truth, &halves, bound)?)
        .chain(pose_rows(&results)?)
        .collect();
    let pictures = vec![
        results.data.join("TS_01.png"),
        results.file(&results.manifest("movies")?, "pictures", 1)?,
        results.file(&results.manifest("alignment")?, "pictures", 0)?,
        results.file(&results.manifest("ctf")?, "pictures", 0)?,
        results.file(&results.manifest("tomograms")?, "pictures", 0)?,
        results.file(&post, "pictures", 1)?,
        results.file(&post, "pictures", 0)?,
        results.file(&compare, "picture", 0)?,
    ];
    Ok(DemoReport { rows, pictures })
}

impl Results {
    /// Result of the last job of a step.
    fn manifest(&self, step: &str) -> Result<Manifest, String> {
        let jobs: Vec<JobNumber> = self
            .project
            .index()
            .jobs_of_step(PIPELINE, step)
            .map_err(|e| e.to_string())?;
        let job = jobs
            .last()
            .ok_or_else(|| format!("the step {step} was not run"))?;
        self.project.result(*job).map_err(|e| e.to_string())
    }

    /// Main file of an item of an output slot.
    fn file(&self, manifest: &Manifest, slot: &str, item: usize) -> Result<PathBuf, String> {
        let file = manifest.outputs[slot]["items"][item]["files"][0].as_str();
        let file = file.ok_or_else(|| format!("job {} has no output {slot}", manifest.job))?;
        Ok(self.project.root().join(file))
    }
}

/// A number read off curves.
fn fact(curves: &Path, name: &str) -> Result<f64, String> {
    let text = std::fs::read(curves).map_err(|e| format!("{}: {e}", curves.display()))?;
    let value: Value =
        serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", curves.display()))?;
    value["facts"][name]
        .as_f64()
        .ok_or_else(|| format!("{}: there is no {name}", curves.display()))
}

fn row(name: &str, unit: &str, found: f64, expected: Expected) -> DemoRow {
    DemoRow {
        name: name.into(),
        unit: unit.into(),
        found,
        expected,
    }
}

/// What is said of the tilt series.
fn series_rows(results: &Results) -> Result<Vec<DemoRow>, String> {
    let carried = results.manifest("particles")?;
    let distance = carried.units.iter().find_map(|unit| {
        let metrics = &unit.metrics;
        metrics["distance of projections, rms (Å)"].as_f64()
    });
    let distance = distance.ok_or("the step particles measured no distance of projections")?;
    Ok(vec![
        row(
            "Alignment: distance of projections from the truth, rms",
            "Å",
            distance,
            Expected::AtMost(1.5),
        ),
        row(
            "Defocus: median distance from the truth",
            "Å",
            defocus_error(results)?,
            Expected::AtMost(150.0),
        ),
    ])
}

/// Median difference of mean defocus between the estimated and the true contrast transfer of all images.
fn defocus_error(results: &Results) -> Result<f64, String> {
    let (found, truth) = (results.manifest("ctf")?, results.manifest("truth")?);
    let mut errors = Vec::new();
    for item in 0..found.items_out as usize {
        let found = defocus(&results.file(&found, "tilt_series", item)?)?;
        let truth = defocus(&results.file(&truth, "tilt_series", item)?)?;
        let pairs = found.into_iter().zip(truth);
        errors.extend(pairs.filter_map(|(found, truth)| Some((found? - truth?).abs())));
    }
    errors.sort_by(f64::total_cmp);
    let middle = errors.get(errors.len() / 2).copied();
    middle.ok_or_else(|| "no image has a defocus".to_owned())
}

/// Mean defocus of each image of a stored tilt series, Å.
fn defocus(series: &Path) -> Result<Vec<Option<f64>>, String> {
    let text = std::fs::read(series).map_err(|e| format!("{}: {e}", series.display()))?;
    let value: Value =
        serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", series.display()))?;
    let images = value["images"].as_array();
    let images = images.ok_or_else(|| format!("{}: there are no images", series.display()))?;
    let mean = |image: &Value| {
        let ctf = &image["ctf"];
        Some(0.5 * (ctf["defocus_u"].as_f64()? + ctf["defocus_v"].as_f64()?))
    };
    Ok(images.iter().map(mean).collect())
}

/// What is said of the map.
fn map_rows(
    results: &Results,
    with_truth: &Path,
    halves: &Path,
    bound: f64,
) -> Result<Vec<DemoRow>, String> {
    Ok(vec![
        row(
            "Resolution: FSC 0.5 with the phantom, at most 10 % above the bound",
            "Å",
            fact(with_truth, "resolution at FSC 0.5 (Å)")?,
            Expected::AtMost(1.1 * bound),
        ),
        row(
            "Resolution: FSC 0.143 between halves",
            "Å",
            fact(halves, "resolution (Å)")?,
            Expected::Nothing,
        ),
        row(
            "Mean FSC with the phantom to half of Nyquist",
            "",
            fact(with_truth, "mean FSC to half Nyquist")?,
            Expected::Nothing,
        ),
        row(
            "The same for the mirror image",
            "",
            fact(with_truth, "mean FSC to half Nyquist, mirrored")?,
            Expected::AtMost(MIRRORED),
        ),
        row(
            "B factor",
            "Å²",
            fact(
                &results.file(&results.manifest("post-process")?, "guinier", 0)?,
                "B factor (Å²)",
            )?,
            Expected::Nothing,
        ),
        row(
            "Tilt series reconstructed",
            "",
            results.manifest("tomograms")?.items_out as f64,
            Expected::Truth(2.0),
        ),
    ])
}

/// What is said of the poses.
fn pose_rows(results: &Results) -> Result<Vec<DemoRow>, String> {
    let poses = results.manifest("poses")?;
    let differences = results.file(&poses, "differences", 0)?;
    Ok(vec![
        row(
            "Orientations, found from nothing: median distance from the truth",
            "°",
            fact(&differences, "angle, median (°)")?,
            Expected::AtMost(1.0),
        ),
        row(
            "Particles further than 10° from the truth",
            "%",
            fact(&differences, "angle above 10° (%)")?,
            Expected::AtMost(5.0),
        ),
        row(
            "Positions: median distance from the truth",
            "Å",
            fact(&differences, "distance, median (Å)")?,
            Expected::AtMost(2.0),
        ),
    ])
}
