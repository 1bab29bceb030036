//! A plug-in as a job: what the engine and all surfaces see is what they see of any other.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};
use thon_contract::kinds::{FileListing, FilesKind, MapKind, MaskKind};
use thon_contract::{
    AnyJob, Citation, Context, Cost, Finding, InputSlot, ItemRecord, JobError, Kind, Methods,
    OutputSlot, SlotRecord, UnitInputs, UnitOutputs, schema,
};

use super::checks::{self, Grid};
use super::exchange::{self, Around};
use super::manifest::{InputEntry, Manifest, OutputEntry};
use super::program;

/// Where the program works, in the unit's directory; gone when it is done.
const WORK: &str = "program";
/// What the program said.
const LOG: &str = "program.txt";

/// A plug-in.
pub struct PluginJob {
    id: &'static str,
    manifest: Manifest,
    /// The jobs that carry objects to the program and back.
    exchange: &'static [&'static dyn AnyJob],
}

impl PluginJob {
    /// The job of a manifest; it stays for the rest of the process' life.
    pub fn new(manifest: Manifest) -> Self {
        Self {
            id: Box::leak(manifest.id.clone().into_boxed_str()),
            manifest,
            exchange: &[],
        }
    }

    /// The same with the jobs that carry objects to its program and back.
    #[must_use]
    pub fn with_exchange(self, exchange: &'static [&'static dyn AnyJob]) -> Self {
        Self { exchange, ..self }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn program(&self) -> Result<PathBuf, JobError> {
        let name = &self.manifest.program.name;
        program::find(&self.manifest.program).ok_or_else(|| JobError::Data {
            message: format!("the program {name} is not installed"),
            hint: "install it, or put its directory on the PATH".into(),
        })
    }

    /// Puts the inputs where the program looks for them, and tells their boxes.
    fn stage(
        &self,
        inputs: &UnitInputs,
        work: &Path,
        context: &Context,
    ) -> Result<Vec<(String, Grid)>, JobError> {
        let mut grids = Vec::new();
        exchange::stage(&self.manifest, self.exchange, inputs, work, context)?;
        for entry in self.manifest.inputs.iter().filter(|e| e.stage.is_none()) {
            let Some(file) = main_file(entry, inputs)? else {
                continue;
            };
            let from = context.resolve(file);
            let to = work.join(&entry.file);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(|e| JobError::file(parent, e))?;
            }
            // A copy: a program that writes into its input harms nobody.
            fs::copy(&from, &to).map_err(|e| JobError::file(&from, e))?;
            grids.push((entry.name.clone(), checks::grid(&to)?));
        }
        Ok(grids)
    }

    fn take(
        &self,
        output: &OutputEntry,
        work: &Path,
        started: SystemTime,
        grids: &[(String, Grid)],
        around: &Around<'_>,
    ) -> Result<ItemRecord, JobError> {
        let context = around.context;
        let file = around.filled(&output.file);
        let path = work.join(&file);
        checks::fresh(output, &path, started)?;
        checks::rows(output, &path, work)?;
        if let Some(adopt) = &output.adopt {
            checks::table(output, &path)?;
            return exchange::adopt(output, adopt, self.exchange, around);
        }
        let same = output.check.same_box_as.as_ref();
        let expected = same.and_then(|name| grids.iter().find(|(input, _)| input == name));
        match output.kind.as_str() {
            "map" | "mask" => {
                checks::volume(output, &path, expected.map(|(_, grid)| *grid))?;
                if output.kind == MapKind::NAME {
                    let map = MapKind::read(&path, context)?;
                    context.store::<MapKind>(&output.name, &map)
                } else {
                    let mask = MaskKind::read(&path, context)?;
                    context.store::<MaskKind>(&output.name, &mask)
                }
            }
            "tomogram" => {
                checks::volume(output, &path, None)?;
                let name = around.item();
                let file = format!("{name}.mrc");
                let to = context.file(&file)?;
                fs::copy(&path, &to).map_err(|e| JobError::file(&path, e))?;
                Ok(context.stored(name, vec![file.into()]))
            }
            _ => {
                checks::table(output, &path)?;
                let to = context.file(&file)?;
                fs::copy(&path, &to).map_err(|e| JobError::file(&path, e))?;
                let listing = FileListing {
                    format: self.id.into(),
                    files: vec![file.into()],
                    losses: Vec::new(),
                };
                context.store::<FilesKind>(&output.name, &listing)
            }
        }
    }
}

impl std::fmt::Debug for PluginJob {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("PluginJob").field(&self.id).finish()
    }
}

/// The main file of the one item of an input, when it is filled.
fn main_file<'a>(
    entry: &InputEntry,
    inputs: &'a UnitInputs,
) -> Result<Option<&'a PathBuf>, JobError> {
    let Some(slot) = inputs.get(&entry.name) else {
        return Ok(None);
    };
    match slot.items.as_slice() {
        [item] => Ok(item.files.first()),
        items => Err(JobError::data(format!(
            "input {}: expected one {}, found {}",
            entry.name,
            entry.kind,
            items.len()
        ))),
    }
}

impl AnyJob for PluginJob {
    fn id(&self) -> &'static str {
        self.id
    }

    fn version(&self) -> u32 {
        self.manifest.version
    }

    fn shares(&self) -> bool {
        false
    }

    fn params_schema(&self) -> Value {
        self.manifest.schema()
    }

    fn default_params(&self) -> Value {
        let entries = self.manifest.parameters.iter();
        let defaults: Map<String, Value> = entries
            .map(|p| (p.name.clone(), p.default.clone()))
            .collect();
        Value::Object(defaults)
    }

    fn inputs(&self) -> Vec<InputSlot> {
        let slot = |entry: &InputEntry| InputSlot {
            name: entry.name.clone(),
            kind: entry.kind.clone(),
            each: entry.each,
            required: entry.required,
            doc: entry.help.clone(),
        };
        self.manifest.inputs.iter().map(slot).collect()
    }

    fn outputs(&self) -> Vec<OutputSlot> {
        let slot = |entry: &OutputEntry| OutputSlot {
            name: entry.name.clone(),
            kind: entry.kind.clone(),
            doc: entry.help.clone(),
        };
        self.manifest.outputs.iter().map(slot).collect()
    }

    fn complete_params(&self, given: &Value) -> Result<Value, Vec<Finding>> {
        schema::complete(&self.params_schema(), &self.default_params(), given)
    }

    fn check(&self, _: &Value, inputs: &UnitInputs, context: &Context) -> Vec<Finding> {
        let path = match self.program() {
            Ok(path) => path,
            Err(error) => return vec![Finding::error("program", error.to_string())],
        };
        let mut findings = Vec::new();
        let program = &self.manifest.program;
        let absent = program::others(program).filter(|name| program::find_name(name).is_none());
        for name in absent {
            let words = format!("the program {name} is not installed");
            findings.push(Finding::error("program", words));
        }
        if !program.least_version.is_empty() {
            let (least, name) = (&program.least_version, &program.name);
            match program::version(program, &path) {
                Some(found) if program::is_enough(&found, least) => {}
                found => {
                    let found = found.unwrap_or_else(|| "none".into());
                    let words = format!("expected {name} {least} or newer, found version {found}");
                    findings.push(Finding::error("program", words));
                }
            }
        }
        findings.extend(exchange::findings(
            &self.manifest,
            self.exchange,
            inputs,
            context,
        ));
        for entry in self.manifest.inputs.iter().filter(|e| e.stage.is_none()) {
            let looked = main_file(entry, inputs).and_then(|file| match file {
                Some(file) => checks::grid(&context.resolve(file)).map(|_| ()),
                None => Ok(()),
            });
            if let Err(error) = looked {
                findings.push(Finding::error(entry.name.clone(), error.to_string()));
            }
        }
        findings
    }

    fn cost(&self, _: &Value, inputs: &UnitInputs, context: &Context) -> Result<Cost, JobError> {
        let files = inputs
            .values()
            .flat_map(|slot| &slot.items)
            .flat_map(|item| &item.files);
        let length = |file: &PathBuf| fs::metadata(context.resolve(file)).map_or(0, |m| m.len());
        let bytes: u64 = files.map(length).sum();
        Ok(Cost {
            memory: bytes * self.manifest.program.memory_per_byte,
            disk: bytes,
            cpu_seconds: bytes as f64 * 1e-7,
        })
    }

    fn run(
        &self,
        params: &Value,
        inputs: &UnitInputs,
        context: &Context,
    ) -> Result<UnitOutputs, JobError> {
        let path = self.program()?;
        let work = context.file(WORK)?;
        fs::create_dir_all(&work).map_err(|e| JobError::file(&work, e))?;
        for directory in &self.manifest.program.directories {
            let directory = work.join(directory);
            fs::create_dir_all(&directory).map_err(|e| JobError::file(&directory, e))?;
        }
        let grids = self.stage(inputs, &work, context)?;
        let filled = |name: &str| inputs.contains_key(name);
        let threads = program::rayon_threads();
        let around = Around::new(params, inputs, &work, context);
        let words = program::arguments(&self.manifest, &around.params, &filled, threads);
        let place = work.join(around.filled(&self.manifest.program.directory));
        let log = context.file(LOG)?;
        let started = SystemTime::now();
        let others = |list: &[Vec<String>]| -> Result<(), JobError> {
            for words in list {
                let words: Vec<String> = words.iter().map(|word| around.filled(word)).collect();
                program::run_other(&self.manifest, &words, &place, &log, context)?;
            }
            Ok(())
        };
        others(&self.manifest.program.before)?;
        let answers = self.manifest.program.answers.iter();
        let answers: Vec<String> = answers.map(|line| around.filled(line)).collect();
        program::run(
            &self.manifest,
            &path,
            &words,
            &answers,
            &place,
            &log,
            context,
        )?;
        others(&self.manifest.program.after)?;
        let mut outputs = UnitOutputs::new();
        for output in &self.manifest.outputs {
            let item = self.take(output, &work, started, &grids, &around)?;
            outputs.insert(
                output.name.clone(),
                SlotRecord {
                    kind: output.kind.clone(),
                    items: vec![item],
                },
            );
        }
        fs::remove_dir_all(&work).map_err(|e| JobError::file(&work, e))?;
        // What a program says differs from run to run (times, hosts): it is not part of the result.
        fs::remove_file(&log).map_err(|e| JobError::file(&log, e))?;
        Ok(outputs)
    }

    fn methods(&self, params: &Value) -> Result<Methods, JobError> {
        let citation = |(key, doi): &(String, String)| Citation::new(key, doi);
        Ok(Methods {
            text: program::filled_in(&self.manifest.methods, params, 1),
            citations: self.manifest.citations.iter().map(citation).collect(),
        })
    }

    fn external_files(&self, _: &Value, _: &Context) -> Result<Vec<PathBuf>, JobError> {
        // Another build of the program is another result.
        let own = program::find(&self.manifest.program);
        let others = program::others(&self.manifest.program).filter_map(program::find_name);
        Ok(own.into_iter().chain(others).collect())
    }
}
