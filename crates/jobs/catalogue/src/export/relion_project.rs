//! Whole projects of RELION: their jobs as jobs here, and ours as a project that RELION opens.
//!
//! Reader and writer: `thon_interop::relion` (`default_pipeline.star`, `job.star`). Written is the form of RELION 3.1, which
//! later releases take over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_contract::kinds::{MapKind, MaskKind, ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Context, ForeignJob, ForeignProject, Item, ItemRecord, Job, JobError, Kind, OwnJob,
};
use thon_interop::relion::{
    Generation, JobOptions, Node, ParticleExport, Pipeline, Process, TiltSeriesExport,
    read_pipeline, write_job_options, write_particles, write_pipeline, write_tilt_series,
};
use thon_model::TiltSeries;

use super::source_paths::{particles_relative_to_relion, relative_to_relion};
use crate::import::given_files::stopped;
use crate::import::relion_job::{ImportRelionJob, SOURCES};

/// Projects of RELION.
pub(crate) const RELION: ForeignProject = ForeignProject {
    name: "relion",
    read,
    write,
};

const PIPELINE: &str = "default_pipeline.star";

fn read(directory: &Path, context: &Context) -> Result<Vec<ForeignJob>, JobError> {
    let pipeline = read_pipeline(&context.resolve(directory).join(PIPELINE)).map_err(stopped)?;
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    let position = |name: &str| pipeline.processes.iter().position(|p| p.name == name);
    for (process, node) in &pipeline.outputs {
        if let Some(index) = position(process) {
            makers.insert(node, index);
        }
    }
    let mut jobs = Vec::new();
    for (index, process) in pipeline.processes.iter().enumerate() {
        let nodes: Vec<&String> = pipeline
            .outputs
            .iter()
            .filter(|(maker, _)| *maker == process.name)
            .map(|(_, node)| node)
            .collect();
        let taken = pipeline.inputs.iter();
        let taken = taken.filter(|(_, taker)| *taker == process.name);
        let sources: BTreeSet<usize> = taken
            .filter_map(|(node, _)| makers.get(node.as_str()).copied())
            .filter(|source| *source < index)
            .collect();
        if sources.len() > SOURCES {
            let (name, count) = (&process.name, sources.len());
            context.warn(format!(
                "{name} came from {count} jobs; the first {SOURCES} are its sources here"
            ));
        }
        let inputs = sources.into_iter().take(SOURCES).enumerate();
        let inputs =
            inputs.map(|(slot, source)| (format!("from_{}", slot + 1), source, "files".into()));
        let alias = process.alias.as_deref().unwrap_or(&process.name);
        jobs.push(ForeignJob {
            name: process.name.clone(),
            operation: ImportRelionJob::ID,
            title: format!("RELION {}", alias.trim_end_matches('/')),
            parameters: json!({
                "project": directory, "job": process.name.trim_end_matches('/'), "kind": process.kind,
                "state": process.state, "nodes": nodes,
            }),
            inputs: inputs.collect(),
            ended: !matches!(process.state.as_str(), "Running" | "Scheduled"),
        });
    }
    Ok(jobs)
}

/// Directory and kind of a job in RELION, by the operation here.
fn place_of(operation: &str) -> (&'static str, &'static str) {
    let known = [
        ("import.", "Import", "relion.import"),
        ("acquire.", "Import", "relion.import"),
        ("movies.correct-motion", "MotionCorr", "relion.motioncorr"),
        ("ctf.", "CtfFind", "relion.ctffind"),
        ("particles.extract", "Extract", "relion.extract"),
        ("particles.refine", "Refine3D", "relion.refine3d"),
        ("particles.classify", "Class3D", "relion.class3d"),
        (
            "particles.initial-model",
            "InitialModel",
            "relion.initialmodel",
        ),
        ("particles.select", "Select", "relion.select"),
        ("maps.create-mask", "MaskCreate", "relion.maskcreate"),
        ("maps.post-process", "PostProcess", "relion.postprocess"),
        ("maps.local-resolution", "LocalRes", "relion.localres"),
    ];
    let found = known
        .iter()
        .find(|(start, ..)| operation.starts_with(start));
    found.map_or(("External", "relion.external"), |(_, place, kind)| {
        (place, kind)
    })
}

fn write(jobs: &[OwnJob], to: &Path, context: &Context) -> Result<Vec<String>, JobError> {
    let mut project = Written {
        jobs,
        to,
        context,
        pipeline: Pipeline::default(),
        nodes: BTreeMap::new(),
        losses: Vec::new(),
    };
    for job in jobs {
        thon_compute::check(context.progress())?;
        project.add(job)?;
    }
    project.pipeline.counter = jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
    write_pipeline(&project.pipeline, &to.join(PIPELINE)).map_err(stopped)?;
    // Where this is not, RELION asks whether this is a project.
    let mark = to.join(".gui_projectdir");
    fs::write(&mark, "").map_err(|e| JobError::file(&mark, e))?;
    Ok(project.losses)
}

/// A project on its way.
struct Written<'a> {
    jobs: &'a [OwnJob],
    to: &'a Path,
    context: &'a Context<'a>,
    pipeline: Pipeline,
    /// The nodes of an output of a job.
    nodes: BTreeMap<(u32, String), Vec<String>>,
    losses: Vec<String>,
}

impl Written<'_> {
    fn add(&mut self, job: &OwnJob) -> Result<(), JobError> {
        let (place, kind) = place_of(&job.operation);
        let name = format!("{place}/job{:03}/", job.number);
        let directory = self.to.join(&name);
        fs::create_dir_all(&directory).map_err(|e| JobError::file(&directory, e))?;
        for (slot, record) in &job.outputs {
            let made = match record.kind.as_str() {
                TiltSeriesKind::NAME => self.tilt_series(&record.items, slot, &name)?,
                ParticlesKind::NAME => self.particles(job, &record.items, slot, &name)?,
                MapKind::NAME | MaskKind::NAME => {
                    self.volumes(&record.kind, &record.items, slot, &name)?
                }
                _ => Vec::new(),
            };
            for node in &made {
                self.pipeline
                    .outputs
                    .push((name.clone(), node.name.clone()));
            }
            let names = made.iter().map(|node| node.name.clone()).collect();
            self.nodes.insert((job.number, slot.clone()), names);
            self.pipeline.nodes.extend(made);
        }
        for (_, from, slot) in &job.inputs {
            for node in self.nodes.get(&(*from, slot.clone())).into_iter().flatten() {
                let edge = (node.clone(), name.clone());
                if !self.pipeline.inputs.contains(&edge) {
                    self.pipeline.inputs.push(edge);
                }
            }
        }
        let options = JobOptions {
            kind: kind.into(),
            options: options(job, kind),
        };
        write_job_options(&options, &directory.join("job.star")).map_err(stopped)?;
        let ended = directory.join("RELION_JOB_EXIT_SUCCESS");
        fs::write(&ended, "").map_err(|e| JobError::file(&ended, e))?;
        let note = directory.join("note.txt");
        let text = format!(
            "Made by thon: {} ({})\n{}\n",
            job.title, job.operation, job.parameters
        );
        fs::write(&note, text).map_err(|e| JobError::file(&note, e))?;
        self.pipeline.processes.push(Process {
            name,
            alias: None,
            kind: kind.into(),
            state: "Succeeded".into(),
        });
        Ok(())
    }

    fn load<K: Kind>(&self, items: &[ItemRecord]) -> Result<Vec<K::Value>, JobError> {
        let loaded = items
            .iter()
            .map(|item| self.context.load(&Item::<K>::new(item.clone())));
        loaded.collect()
    }

    fn tilt_series(
        &mut self,
        items: &[ItemRecord],
        slot: &str,
        name: &str,
    ) -> Result<Vec<Node>, JobError> {
        let mut series = self.load::<TiltSeriesKind>(items)?;
        for one in &mut series {
            relative_to_relion(one, self.context);
        }
        let file = format!("{name}{slot}.star");
        let to = TiltSeriesExport {
            root: self.to.to_owned(),
            file: file.clone().into(),
            generation: Generation::Five,
            source_root: Some(PathBuf::new()),
        };
        let losses = write_tilt_series(&series, &to).map_err(stopped)?;
        self.lose(&losses);
        Ok(vec![Node {
            name: file,
            kind: "MicrographsData.star".into(),
        }])
    }

    fn particles(
        &mut self,
        job: &OwnJob,
        items: &[ItemRecord],
        slot: &str,
        name: &str,
    ) -> Result<Vec<Node>, JobError> {
        let series = self.series_of(job.number)?;
        let mut made = Vec::new();
        for (index, mut set) in self.load::<ParticlesKind>(items)?.into_iter().enumerate() {
            particles_relative_to_relion(&mut set, self.context);
            let stem = if job.operation == "particles.refine" {
                "run_data"
            } else {
                slot
            };
            let file = match index {
                0 => format!("{name}{stem}.star"),
                _ => format!("{name}{stem}_{}.star", index + 1),
            };
            let to = ParticleExport {
                root: self.to.to_owned(),
                file: file.clone().into(),
                source_root: Some(PathBuf::new()),
            };
            let losses = write_particles(&set, &series, &to).map_err(stopped)?;
            self.lose(&losses);
            made.push(Node {
                name: file,
                kind: "ParticlesData.star".into(),
            });
        }
        Ok(made)
    }

    /// The tilt series that a job came from: those of the nearest job above that has some.
    fn series_of(&self, number: u32) -> Result<Vec<TiltSeries>, JobError> {
        let mut open = vec![number];
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            let Some(job) = self.jobs.iter().find(|job| job.number == next) else {
                continue;
            };
            if !seen.insert(next) {
                continue;
            }
            let mut slots = job.outputs.values();
            if let Some(slot) = slots.find(|slot| slot.kind == TiltSeriesKind::NAME) {
                return self.load::<TiltSeriesKind>(&slot.items);
            }
            open.extend(job.inputs.iter().map(|(_, from, _)| *from));
            open.sort_unstable();
        }
        Ok(Vec::new())
    }

    fn volumes(
        &mut self,
        kind: &str,
        items: &[ItemRecord],
        slot: &str,
        name: &str,
    ) -> Result<Vec<Node>, JobError> {
        let stem = match (slot, name.starts_with("Refine3D")) {
            ("map", true) => "run_class001",
            ("half_map_1", true) => "run_half1_class001_unfil",
            ("half_map_2", true) => "run_half2_class001_unfil",
            _ => slot,
        };
        let kind = match (kind, slot) {
            (MaskKind::NAME, _) => "Mask3D.mrc",
            (_, "half_map_1" | "half_map_2") => "DensityMap.mrc.halfmap",
            _ => "DensityMap.mrc",
        };
        let mut made = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let volume = item
                .files
                .iter()
                .find(|f| f.extension().is_some_and(|e| e == "mrc"));
            let Some(volume) = volume else {
                self.losses
                    .push(format!("{name}: {} has no volume", item.name));
                continue;
            };
            let file = match index {
                0 => format!("{name}{stem}.mrc"),
                _ => format!("{name}{stem}_{}.mrc", index + 1),
            };
            let (from, to) = (self.context.resolve(volume), self.to.join(&file));
            // The same bytes where the disk can, a copy elsewhere.
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).map(|_| ()))
                .map_err(|e| JobError::file(&to, e))?;
            made.push(Node {
                name: file,
                kind: kind.into(),
            });
        }
        Ok(made)
    }

    fn lose(&mut self, losses: &thon_interop::Losses) {
        for loss in &losses.losses {
            let (target, kind, why) = (&losses.target, &loss.kind, &loss.why);
            let words = format!("{target} cannot hold {kind} ({}): {why}", loss.count);
            if !self.losses.contains(&words) {
                self.losses.push(words);
            }
        }
    }
}

/// What RELION shows of a job that it did not run: the command, and up to ten parameters. Its own kinds of jobs have other
/// options, which stay at their defaults; the note of a job says what was asked.
fn options(job: &OwnJob, kind: &str) -> BTreeMap<String, String> {
    if kind != "relion.external" {
        return BTreeMap::new();
    }
    let mut options = BTreeMap::from([
        ("fn_exe".to_owned(), format!("thon run {}", job.operation)),
        ("do_queue".to_owned(), "No".to_owned()),
    ]);
    let given = job.parameters.as_object().into_iter().flatten().take(10);
    for (index, (name, value)) in given.enumerate() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        // A STAR value is one word or stands in quotes.
        let plain: String = text.chars().filter(|c| !"\"'\n\r".contains(*c)).collect();
        options.insert(format!("param{}_label", index + 1), name.clone());
        options.insert(format!("param{}_value", index + 1), plain);
    }
    options
}
