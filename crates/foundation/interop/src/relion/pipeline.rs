//! `default_pipeline.star` and `job.star`: the jobs of a RELION project, their files, and how these feed one another.
//!
//! RELION 3 numbers kinds and states of jobs and kinds of nodes, RELION 4 and 5 name them; both are read, numbers are
//! given names. Written is the form of RELION 3.1, which later releases take over.

use std::collections::BTreeMap;
use std::path::Path;

use thon_formats::star::{self, Block, StarFile, Table};

use crate::InteropError;
use crate::error::create_parent;

/// Kinds of jobs of RELION 3.1 by number, and the names that RELION 4 gave them.
const PROCESSES: [(i64, &str); 21] = [
    (0, "relion.import"),
    (1, "relion.motioncorr"),
    (2, "relion.ctffind"),
    (3, "relion.manualpick"),
    (4, "relion.autopick"),
    (5, "relion.extract"),
    (7, "relion.select"),
    (8, "relion.class2d"),
    (9, "relion.class3d"),
    (10, "relion.refine3d"),
    (12, "relion.maskcreate"),
    (13, "relion.joinstar"),
    (14, "relion.subtract"),
    (15, "relion.postprocess"),
    (16, "relion.localres"),
    (18, "relion.initialmodel"),
    (19, "relion.multibody"),
    (20, "relion.polish"),
    (21, "relion.ctfrefine"),
    (22, "relion.tomo"),
    (99, "relion.external"),
];
/// States by number: their names in RELION 4 and 5.
const STATES: [&str; 5] = ["Running", "Scheduled", "Succeeded", "Failed", "Aborted"];
/// Kinds of nodes of RELION 3.1 by number.
const NODES: [(i64, &str); 14] = [
    (0, "MicrographMoviesData.star"),
    (1, "MicrographsData.star"),
    (2, "MicrographsCoords.star"),
    (3, "ParticlesData.star"),
    (5, "Image2DStack.mrc"),
    (6, "DensityMap.mrc"),
    (7, "Mask3D.mrc"),
    (8, "ModelData.star"),
    (9, "OptimiserData.star"),
    (10, "DensityMap.mrc.halfmap"),
    (11, "DensityMap.mrc.final"),
    (12, "Image3D.mrc.localres"),
    (13, "LogFile.pdf"),
    (14, "ProcessData.star"),
];

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its directory with a final slash, such as `Refine3D/job019/`.
    pub name: String,
    /// Its other name, when it has one.
    pub alias: Option<String>,
    /// What it does, such as `relion.refine3d`.
    pub kind: String,
    /// `Succeeded`, `Failed`, `Aborted`, `Running` or `Scheduled`.
    pub state: String,
}

/// A file that a job made and others may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Path from the project's directory.
    pub name: String,
    /// What it holds, such as `DensityMap.mrc`.
    pub kind: String,
}

/// The graph of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// The number that the next job gets.
    pub counter: u32,
    /// The jobs, as they were made.
    pub processes: Vec<Process>,
    /// Their files.
    pub nodes: Vec<Node>,
    /// Node and the job that takes it.
    pub inputs: Vec<(String, String)>,
    /// Job and the node that it made.
    pub outputs: Vec<(String, String)>,
}

/// The parameters of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// What it does.
    pub kind: String,
    /// Options by name, as texts.
    pub options: BTreeMap<String, String>,
}

/// Reads a pipeline.
///
/// # Errors
/// A file that is absent or no pipeline.
pub fn read_pipeline(path: &Path) -> Result<Pipeline, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "default_pipeline.star"));
    }
    let file = star::read(path)?;
    let general = file.table("pipeline_general")?;
    let counter = general.column("rlnPipeLineJobCounter")?.i64(0)?;
    let mut pipeline = Pipeline {
        counter: u32::try_from(counter).unwrap_or(0),
        ..Pipeline::default()
    };
    // A project that was only just made has no tables.
    if let Ok(table) = file.table("pipeline_processes") {
        pipeline.processes = processes(table)?;
    }
    if let Ok(table) = file.table("pipeline_nodes") {
        let names = table.column("rlnPipeLineNodeName")?.strings();
        let kinds = named(
            table,
            "rlnPipeLineNodeTypeLabel",
            "rlnPipeLineNodeType",
            &|n| NODES.iter().find(|node| node.0 == n).map(|node| node.1),
        )?;
        let node = |(name, kind): (&str, String)| Node {
            name: name.to_owned(),
            kind,
        };
        pipeline.nodes = names.zip(kinds).map(node).collect();
    }
    let pairs =
        |block: &str, from: &str, to: &str| -> Result<Vec<(String, String)>, InteropError> {
            let Ok(table) = file.table(block) else {
                return Ok(Vec::new());
            };
            let (from, to) = (table.column(from)?.strings(), table.column(to)?.strings());
            Ok(from
                .zip(to)
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect())
        };
    pipeline.inputs = pairs(
        "pipeline_input_edges",
        "rlnPipeLineEdgeFromNode",
        "rlnPipeLineEdgeProcess",
    )?;
    pipeline.outputs = pairs(
        "pipeline_output_edges",
        "rlnPipeLineEdgeProcess",
        "rlnPipeLineEdgeToNode",
    )?;
    Ok(pipeline)
}

fn processes(table: &Table) -> Result<Vec<Process>, InteropError> {
    let names = table.column("rlnPipeLineProcessName")?.strings();
    let aliases = table.column("rlnPipeLineProcessAlias")?.strings();
    let kinds = named(
        table,
        "rlnPipeLineProcessTypeLabel",
        "rlnPipeLineProcessType",
        &|n| {
            PROCESSES
                .iter()
                .find(|known| known.0 == n)
                .map(|known| known.1)
        },
    )?;
    let states = named(
        table,
        "rlnPipeLineProcessStatusLabel",
        "rlnPipeLineProcessStatus",
        &|n| STATES.get(usize::try_from(n).ok()?).copied(),
    )?;
    let rows = names.zip(aliases).zip(kinds).zip(states);
    Ok(rows
        .map(|(((name, alias), kind), state)| Process {
            name: name.to_owned(),
            alias: (alias != "None" && !alias.is_empty()).then(|| alias.to_owned()),
            kind,
            state,
        })
        .collect())
}

/// A column of names, or of numbers that stand for names.
fn named(
    table: &Table,
    names: &str,
    numbers: &str,
    of: &dyn Fn(i64) -> Option<&'static str>,
) -> Result<Vec<String>, InteropError> {
    if let Some(column) = table.find(names) {
        return Ok(column.strings().map(str::to_owned).collect());
    }
    let numbers = table.column(numbers)?.to_i64()?;
    let name = |n: i64| of(n).map_or_else(|| format!("type {n}"), str::to_owned);
    Ok(numbers.into_iter().map(name).collect())
}

/// Reads the parameters of a job from its `job.star`.
///
/// # Errors
/// A file that is absent or no such file.
pub fn read_job_options(path: &Path) -> Result<JobOptions, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "job.star"));
    }
    let file = star::read(path)?;
    let job = file.table("job")?;
    let kind = named(job, "rlnJobTypeLabel", "rlnJobType", &|n| {
        PROCESSES
            .iter()
            .find(|known| known.0 == n)
            .map(|known| known.1)
    })?;
    let mut options = BTreeMap::new();
    if let Ok(table) = file.table("joboptions_values") {
        let names = table.column("rlnJobOptionVariable")?.strings();
        let values = table.column("rlnJobOptionValue")?.strings();
        options.extend(names.zip(values).map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
    Ok(JobOptions {
        kind: kind.into_iter().next().unwrap_or_default(),
        options,
    })
}

fn number_of(kind: &str, known: &[(i64, &str)], other: i64) -> String {
    let found = known.iter().find(|entry| entry.1 == kind);
    found.map_or(other, |entry| entry.0).to_string()
}

/// Writes a pipeline in the form of RELION 3.1. Kinds that it does not know become external jobs and tables of micrographs.
///
/// # Errors
/// A file that cannot be written.
pub fn write_pipeline(pipeline: &Pipeline, path: &Path) -> Result<(), InteropError> {
    let general = Table::new_pairs([("rlnPipeLineJobCounter", pipeline.counter.to_string())]);
    let mut blocks = vec![Block::new("pipeline_general", vec![general])];
    let mut add =
        |name: &str, labels: &[&str], rows: Vec<Vec<String>>| -> Result<(), InteropError> {
            // A loop without rows is no table to RELION.
            if rows.is_empty() {
                return Ok(());
            }
            let mut table = Table::new_loop(labels);
            for row in rows {
                table.push_row(&row)?;
            }
            blocks.push(Block::new(name, vec![table]));
            Ok(())
        };
    let process = |process: &Process| {
        let state = STATES.iter().position(|state| *state == process.state);
        vec![
            process.name.clone(),
            process.alias.clone().unwrap_or_else(|| "None".into()),
            number_of(&process.kind, &PROCESSES, 99),
            state.unwrap_or(1).to_string(),
        ]
    };
    add(
        "pipeline_processes",
        &[
            "rlnPipeLineProcessName",
            "rlnPipeLineProcessAlias",
            "rlnPipeLineProcessType",
            "rlnPipeLineProcessStatus",
        ],
        pipeline.processes.iter().map(process).collect(),
    )?;
    let node = |node: &Node| vec![node.name.clone(), number_of(&node.kind, &NODES, 1)];
    add(
        "pipeline_nodes",
        &["rlnPipeLineNodeName", "rlnPipeLineNodeType"],
        pipeline.nodes.iter().map(node).collect(),
    )?;
    let edge = |(from, to): &(String, String)| vec![from.clone(), to.clone()];
    add(
        "pipeline_input_edges",
        &["rlnPipeLineEdgeFromNode", "rlnPipeLineEdgeProcess"],
        pipeline.inputs.iter().map(edge).collect(),
    )?;
    add(
        "pipeline_output_edges",
        &["rlnPipeLineEdgeProcess", "rlnPipeLineEdgeToNode"],
        pipeline.outputs.iter().map(edge).collect(),
    )?;
    write_blocks(blocks, path)
}

/// Writes the parameters of a job in the form of RELION 3.1.
///
/// # Errors
/// A file that cannot be written.
pub fn write_job_options(options: &JobOptions, path: &Path) -> Result<(), InteropError> {
    let job = Table::new_pairs([
        ("rlnJobType", number_of(&options.kind, &PROCESSES, 99)),
        ("rlnJobIsContinue", "0".to_owned()),
    ]);
    let mut values = Table::new_loop(["rlnJobOptionVariable", "rlnJobOptionValue"]);
    for (name, value) in &options.options {
        values.push_row(&[name.as_str(), value.as_str()])?;
    }
    let mut blocks = vec![Block::new("job", vec![job])];
    if !options.options.is_empty() {
        blocks.push(Block::new("joboptions_values", vec![values]));
    }
    write_blocks(blocks, path)
}

fn write_blocks(blocks: Vec<Block>, path: &Path) -> Result<(), InteropError> {
    create_parent(path)?;
    let commented = blocks
        .into_iter()
        .map(|block| block.with_comment("version 30001"));
    Ok(star::write_to(&StarFile::new(commented.collect()), path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data");

    #[test]
    fn what_is_written_is_read_again() {
        let process = |name: &str, kind: &str, state: &str| Process {
            name: name.into(),
            alias: None,
            kind: kind.into(),
            state: state.into(),
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let pipeline = Pipeline {
            counter: 3,
            processes: vec![
                process("Import/job001/", "relion.import", "Succeeded"),
                process("Refine3D/job002/", "relion.refine3d", "Failed"),
            ],
            nodes: vec![Node {
                name: "Import/job001/particles.star".into(),
                kind: "ParticlesData.star".into(),
            }],
            inputs: vec![pair("Import/job001/particles.star", "Refine3D/job002/")],
            outputs: vec![pair("Import/job001/", "Import/job001/particles.star")],
        };
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("default_pipeline.star");
        write_pipeline(&pipeline, &path).unwrap();
        assert_eq!(read_pipeline(&path).unwrap(), pipeline);
        let options = JobOptions {
            kind: "relion.external".into(),
            options: [pair("fn_exe", "thon run maps.align"), pair("nr_mpi", "1")].into(),
        };
        let path = place.path().join("job.star");
        write_job_options(&options, &path).unwrap();
        assert_eq!(read_job_options(&path).unwrap(), options);
    }

    #[test]
    fn projects_of_relion_3_and_5_are_read() {
        let old = Path::new(SHARED).join("05_star_other/starfile/default_pipeline.star");
        let new = Path::new(SHARED).join("04_relion5_project_empiar10164");
        if !old.exists() || !new.exists() {
            println!("skipped: shared data absent");
            return;
        }
        let pipeline = read_pipeline(&old).unwrap();
        assert_eq!((pipeline.counter, pipeline.processes.len()), (32, 31));
        let refined = &pipeline.processes[18];
        assert_eq!(refined.kind, "relion.refine3d");
        assert_eq!(refined.alias.as_deref(), Some("Refine3D/first3dref/"));
        assert!(pipeline.processes.iter().all(|p| p.state == "Succeeded"));
        let pipeline = read_pipeline(&new.join("pipelines/default_pipeline.star")).unwrap();
        assert_eq!(pipeline.counter, 84);
        assert_eq!(pipeline.processes[4].kind, "relion.aligntiltseries");
        assert!(pipeline.nodes.len() > 200 && pipeline.inputs.len() > 100);
        for (_, process) in &pipeline.inputs {
            assert!(pipeline.processes.iter().any(|p| p.name == *process));
        }
        let options = read_job_options(&new.join("Picks/job009/job.star")).unwrap();
        assert_eq!(options.kind, "relion.picktomo");
        assert_eq!(options.options["pick_mode"], "spheres");
        assert_eq!(
            options.options["in_tomoset"],
            "Denoise/job008/tomograms.star"
        );
    }
}
