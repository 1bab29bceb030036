//! The manual page of a job, from its declaration.

use std::fmt::Write as _;

use serde_json::{Value, json};
use thon_contract::schema::{Field, fields};
use thon_contract::{AnyJob, Citation, Methods};

use crate::arguments::{default_words, flag_of, flag_of_slot, range_words, value_name};
use crate::terminal::{Paint, Tone};
use crate::text::wrap;

/// The page as text of `width` columns.
pub(crate) fn page(job: &dyn AnyJob, width: usize, paint: Paint) -> String {
    let mut page = Page {
        text: String::new(),
        width,
        paint,
    };
    let description = job.description();
    let rest = description
        .split_once('\n')
        .map_or("", |(_, rest)| rest)
        .trim();
    page.line(
        0,
        &format!("{}: {}", paint.tone(Tone::Bold, job.id()), job.summary()),
    );
    if !rest.is_empty() {
        page.line(0, "");
        page.paragraph(0, rest);
    }
    usage(&mut page, job);
    page.heading("Inputs");
    for slot in job.inputs() {
        let mut words = vec![slot.kind.clone()];
        words.extend(slot.each.then(|| "one at a time".to_owned()));
        words.extend((!slot.required).then(|| "may be left out".to_owned()));
        page.entry(&slot.name, &words.join(", "), &slot.doc);
    }
    if job.inputs().is_empty() {
        page.line(2, "none");
    }
    page.heading("Outputs");
    for slot in job.outputs() {
        page.entry(&slot.name, &slot.kind, &slot.doc);
    }
    parameters(&mut page, job);
    methods(
        &mut page,
        &job.methods(&job.default_params()).unwrap_or_default(),
    );
    page.text
}

fn usage(page: &mut Page, job: &dyn AnyJob) {
    page.heading("Usage");
    let mut line = format!("thon run {}", job.id());
    for slot in job.inputs() {
        let input = match flag_of_slot(job, &slot) {
            Some(flag) => format!("--{flag} JOB.SLOT|FILE"),
            None => format!("--input {}=JOB.SLOT|FILE", slot.name),
        };
        let input = if slot.required {
            input
        } else {
            format!("[{input}]")
        };
        let _ = write!(line, " {input}");
    }
    line.push_str(" [PARAMETERS] [--output DIR]");
    page.paragraph(2, &line);
}

fn parameters(page: &mut Page, job: &dyn AnyJob) {
    let mut declared = fields(&job.params_schema(), &job.default_params());
    // Ungrouped ones first, so that each group has one heading.
    declared.sort_by_key(|field| field.path.len() > 1);
    let mut group: Option<Vec<String>> = None;
    for field in &declared {
        let groups = field.path[..field.path.len() - 1].to_vec();
        if group.as_ref() != Some(&groups) {
            let heading = match groups.as_slice() {
                [] => "Parameters".to_owned(),
                names => format!(
                    "Parameters: {} ([{}] in TOML)",
                    names.join(" ").replace('_', " "),
                    names.join(".")
                ),
            };
            page.heading(&heading);
            group = Some(groups);
        }
        parameter(page, field);
    }
}

fn parameter(page: &mut Page, field: &Field) {
    let mut facts = vec![format!("default {}", default_words(field))];
    let range = range_words(field);
    facts.extend((!range.is_empty()).then_some(range));
    facts.extend((field.optional && !field.default.is_null()).then(|| "or none".to_owned()));
    facts.extend(field.expert.then(|| "expert".to_owned()));
    let name = format!("--{} <{}>", flag_of(field), value_name(field));
    page.entry(&name, &facts.join("; "), &field.doc);
    let width = field
        .choices
        .iter()
        .map(|c| c.value.chars().count())
        .max()
        .unwrap_or(0);
    for choice in &field.choices {
        let line = format!("{:width$}  {}", choice.value, choice.doc.replace('\n', " "));
        page.line(8, line.trim_end());
    }
}

fn methods(page: &mut Page, methods: &Methods) {
    if methods.text.is_empty() && methods.citations.is_empty() {
        return;
    }
    page.heading("Methods");
    page.paragraph(2, &methods.text);
    for citation in &methods.citations {
        page.line(2, &cited(citation));
    }
}

/// `Bharat & Scheres 2016, https://doi.org/…`.
pub(crate) fn cited(citation: &Citation) -> String {
    if citation.doi.is_empty() {
        citation.key.clone()
    } else {
        format!("{}, https://doi.org/{}", citation.key, citation.doi)
    }
}

/// The declaration for programs.
pub(crate) fn document(job: &dyn AnyJob) -> Value {
    let inputs: Vec<Value> = job
        .inputs()
        .iter()
        .map(|s| json!({ "name": s.name, "kind": s.kind, "each": s.each, "required": s.required, "doc": s.doc }))
        .collect();
    let outputs: Vec<Value> = job
        .outputs()
        .iter()
        .map(|s| json!({ "name": s.name, "kind": s.kind, "doc": s.doc }))
        .collect();
    json!({
        "job": job.id(), "version": job.version(), "summary": job.summary(),
        "description": job.description(), "inputs": inputs, "outputs": outputs,
        "parameters": job.params_schema(), "defaults": job.default_params(),
        "methods": job.methods(&job.default_params()).unwrap_or_default(),
    })
}

struct Page {
    text: String,
    width: usize,
    paint: Paint,
}

impl Page {
    fn line(&mut self, indent: usize, line: &str) {
        if !line.is_empty() {
            self.text.push_str(&" ".repeat(indent));
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        let heading = self.paint.tone(Tone::Bold, heading);
        let _ = write!(self.text, "\n{heading}\n");
    }

    fn paragraph(&mut self, indent: usize, text: &str) {
        for line in wrap(text, self.width - indent) {
            self.line(indent, &line);
        }
    }

    fn entry(&mut self, name: &str, facts: &str, doc: &str) {
        let name = self.paint.tone(Tone::Accent, name);
        let facts = self.paint.tone(Tone::Dim, &format!("({facts})"));
        self.line(2, &format!("{name}  {facts}"));
        self.paragraph(6, doc);
    }
}
