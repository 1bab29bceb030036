//! How a result came about, for a paper: methods, references, parameters, versions, counts, computing time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use thon_contract::Citation;
use thon_project::JobNumber;

use crate::extract::changed;
use crate::graph::ancestors;
use crate::{Engine, EngineError};

/// One job of a report.
#[derive(Clone, Debug)]
pub struct ReportStep {
    /// The job.
    pub job: JobNumber,
    /// Its operation and the version of it.
    pub operation: String,
    /// Version of the operation.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// The sentence for the paper.
    pub methods: String,
    /// Whom to cite.
    pub citations: Vec<Citation>,
    /// Parameters that are not at their defaults.
    pub parameters: Value,
    /// Items that went in, and that came out.
    pub items: (u64, u64),
    /// Items that did not come out, with the reason.
    pub rejected: Vec<(String, String)>,
    /// Seconds of all units, on one machine.
    pub seconds: f64,
}

/// How a result came about.
#[derive(Clone, Debug)]
pub struct Report {
    /// The job that is reported.
    pub job: JobNumber,
    /// The jobs it came from and itself, in order.
    pub steps: Vec<ReportStep>,
}

/// Reports how the result of a job came about.
///
/// # Errors
/// A job without a result, or of an operation that this program does not have.
pub fn report(engine: &Engine<'_>, job: JobNumber) -> Result<Report, EngineError> {
    let mut steps = Vec::new();
    for number in ancestors(engine.project, &[job])? {
        let manifest = engine.project.result(number)?;
        let facts = engine.project.facts(number)?;
        let request = facts.record.request;
        let declared = engine.catalogue.find(&request.operation)?;
        let methods =
            declared
                .methods(&request.parameters)
                .map_err(|source| EngineError::Unit {
                    item: number.to_string(),
                    source,
                })?;
        let rejected = manifest.rejected.iter();
        steps.push(ReportStep {
            job: number,
            version: request.version,
            title: request.title,
            methods: methods.text,
            citations: methods.citations,
            parameters: changed(&request.parameters, &declared.default_params()),
            items: (manifest.items_in, manifest.items_out),
            rejected: rejected
                .map(|r| (r.item.clone(), r.reason.clone()))
                .collect(),
            seconds: facts.units.values().map(|unit| unit.seconds).sum(),
            operation: request.operation,
        });
    }
    Ok(Report { job, steps })
}

impl Report {
    /// The publications, each once, by key.
    pub fn citations(&self) -> Vec<Citation> {
        let all = self.steps.iter().flat_map(|step| &step.citations);
        let once: BTreeMap<&str, &Citation> = all.map(|c| (c.key.as_str(), c)).collect();
        once.into_values().cloned().collect()
    }

    /// The methods section: each sentence once, in order, with what it cites.
    pub fn methods(&self) -> String {
        let mut sentences: Vec<String> = Vec::new();
        for step in self.steps.iter().filter(|step| !step.methods.is_empty()) {
            let keys: Vec<String> = step
                .citations
                .iter()
                .map(|c| format!("@{}", name_of(c)))
                .collect();
            let sentence = if keys.is_empty() {
                step.methods.clone()
            } else {
                format!("{} [{}]", step.methods, keys.join("; "))
            };
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        sentences.join(" ")
    }

    /// The references as BibTeX.
    pub fn bibtex(&self) -> String {
        let mut text = String::new();
        for citation in self.citations() {
            let (authors, year) = split_key(&citation.key);
            let name = name_of(&citation);
            let _ = writeln!(
                text,
                "@article{{{name},\n  author = {{{authors}}},\n  year = {{{year}}},"
            );
            if !citation.doi.is_empty() {
                let _ = writeln!(text, "  doi = {{{}}},", citation.doi);
            }
            text.push_str("}\n");
        }
        text
    }

    /// The whole report as Markdown; `program` is its version.
    pub fn markdown(&self, program: &str) -> String {
        let mut text = format!(
            "# How job {} came about\n\n## Methods\n\n{}\n",
            self.job,
            self.methods()
        );
        text.push_str("\n## Steps\n\n| job | operation | version | items in | items out | computing time (s) |\n|---|---|---|---|---|---|\n");
        for step in &self.steps {
            let (items_in, items_out) = step.items;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {items_in} | {items_out} | {:.1} |",
                step.job, step.operation, step.version, step.seconds
            );
        }
        text.push_str("\n## Parameters that are not at their defaults\n\n");
        for step in &self.steps {
            for (name, value) in flat(&step.parameters, "") {
                let _ = writeln!(
                    text,
                    "- {} {}: `{name}` = {value}",
                    step.job, step.operation
                );
            }
        }
        let lost: Vec<(JobNumber, &(String, String))> = self
            .steps
            .iter()
            .flat_map(|step| step.rejected.iter().map(move |lost| (step.job, lost)))
            .collect();
        if !lost.is_empty() {
            text.push_str("\n## What did not come out\n\n");
            for (job, (item, reason)) in lost {
                let _ = writeln!(text, "- {job} {item}: {reason}");
            }
        }
        let seconds: f64 = self.steps.iter().map(|step| step.seconds).sum();
        let _ = writeln!(
            text,
            "\nMade with thon {program}; {:.2} h of computing in all.",
            seconds / 3600.0
        );
        text
    }

    /// The same for programs.
    pub fn document(&self, program: &str) -> Value {
        let step = |step: &ReportStep| {
            json!({
                "job": step.job, "operation": step.operation, "version": step.version, "title": step.title,
                "methods": step.methods, "citations": step.citations, "parameters": step.parameters,
                "items_in": step.items.0, "items_out": step.items.1, "rejected": step.rejected,
                "seconds": step.seconds,
            })
        };
        let steps: Vec<Value> = self.steps.iter().map(step).collect();
        json!({ "job": self.job, "program": program, "methods": self.methods(), "steps": steps })
    }
}

/// `Bharat & Scheres 2016` as authors and year.
fn split_key(key: &str) -> (String, String) {
    let (authors, year) = key.rsplit_once(' ').unwrap_or((key, ""));
    let authors = authors
        .replace(" & ", " and ")
        .replace(" et al.", " and others");
    (authors, year.to_owned())
}

/// A name without blanks by which a publication is cited.
fn name_of(citation: &Citation) -> String {
    let letters = citation.key.chars().filter(|c| c.is_alphanumeric());
    letters.collect()
}

/// Parameters by their paths.
fn flat(value: &Value, prefix: &str) -> Vec<(String, String)> {
    let Value::Object(map) = value else {
        return vec![(prefix.to_owned(), value.to_string())];
    };
    let below = |(name, value): (&String, &Value)| {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        flat(value, &path)
    };
    map.iter().flat_map(below).collect()
}
