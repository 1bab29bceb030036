//! Curations over HTTP: begun, edited and sealed as by `thon curate`; see [`thon_engine::Curation`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_engine::{CuratedOutput, Curation, CurationRecord, EngineError};
use thon_model::Edit;
use thon_project::JobNumber;

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// Edits of one request.
const MOST: usize = 10_000;

/// An output slot.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputPlace {
    /// The job.
    job: u32,
    /// Its output slot.
    slot: String,
}

/// What is to be curated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedCuration {
    /// The tomograms in which is looked.
    tomograms: Option<OutputPlace>,
    /// The set whose particles are curated; points are only added when absent.
    particles: Option<OutputPlace>,
}

/// A curation in short.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CurationSummary {
    /// Its number.
    number: u32,
    /// When it was begun.
    created: String,
    /// The tomograms in which is looked.
    tomograms: Option<OutputPlace>,
    /// The set whose particles are curated.
    particles: Option<OutputPlace>,
    /// Number of particles of that set.
    count: u32,
    /// Number of edits.
    edits: usize,
    /// The same as a command.
    command: String,
}

/// Edits from a position on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct EditsAnswer {
    /// Number of the first of them, from 0.
    from: usize,
    /// The edits.
    #[schemars(with = "Vec<Value>")]
    edits: Vec<Edit>,
}

/// Edits to be added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedEdits {
    /// How many edits there are, as far as whoever asks knows.
    after: usize,
    /// The edits.
    #[schemars(with = "Vec<Value>")]
    edits: Vec<Edit>,
}

/// Edits that are stored.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Stored {
    /// How many edits there are.
    edits: usize,
}

/// A file that a job can take.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Sealed {
    /// Its path in the project.
    path: String,
    /// The same as a command.
    command: String,
}

fn place(output: &CuratedOutput) -> OutputPlace {
    OutputPlace {
        job: output.job.0,
        slot: output.slot.clone(),
    }
}

fn output(place: OutputPlace) -> CuratedOutput {
    CuratedOutput {
        job: JobNumber(place.job),
        slot: place.slot,
    }
}

/// The command that begins such a curation.
fn started(record: &CurationRecord) -> String {
    let word = |name: &str, output: &Option<CuratedOutput>| {
        let output = output.as_ref();
        output.map_or(String::new(), |it| {
            format!(" --{name} {}.{}", it.job.0, it.slot)
        })
    };
    let tomograms = word("tomograms", &record.tomograms);
    format!(
        "thon curate start{tomograms}{}",
        word("particles", &record.particles)
    )
}

fn summary(curation: &Curation) -> Result<CurationSummary, Refusal> {
    let record = &curation.record;
    Ok(CurationSummary {
        number: record.number,
        created: record.created.to_string(),
        tomograms: record.tomograms.as_ref().map(place),
        particles: record.particles.as_ref().map(place),
        count: record.set.as_ref().map_or(0, |set| set.count),
        edits: curation.edits()?.edits.len(),
        command: started(record),
    })
}

fn find(server: &Server, call: &Call) -> Result<Curation, Refusal> {
    Ok(Curation::open(&server.project, call.number("curation")?)?)
}

/// All curations.
pub(crate) fn all(server: &Server, _: &Call) -> Answered {
    let all = Curation::all(&server.project)?;
    let all = all.iter().map(summary);
    Answer::json(&all.collect::<Result<Vec<_>, Refusal>>()?)
}

/// One of them.
pub(crate) fn one(server: &Server, call: &Call) -> Answered {
    Answer::json(&summary(&find(server, call)?)?)
}

/// Begins one.
pub(crate) fn start(server: &Server, call: &Call) -> Answered {
    let asked: AskedCuration = call.json()?;
    server.project.notice_jobs()?;
    let particles = asked.particles.map(output);
    let curation = Curation::start(&server.project, asked.tomograms.map(output), particles)?;
    Answer::json(&summary(&curation)?)
}

/// Edits from a position on.
pub(crate) fn edits(server: &Server, call: &Call) -> Answered {
    let from = call.asked("from", 0)?;
    let edits = find(server, call)?.edits()?.edits;
    let edits = edits.get(from..).unwrap_or_default().to_vec();
    Answer::json(&EditsAnswer { from, edits })
}

/// Adds edits; answers when they are durable.
pub(crate) fn edit(server: &Server, call: &Call) -> Answered {
    let asked: AskedEdits = call.json()?;
    if asked.edits.is_empty() || asked.edits.len() > MOST {
        return Err(Refusal::bad(format!("expected 1 to {MOST} edits")));
    }
    let curation = find(server, call)?;
    let edits = match curation.append(Some(asked.after), &asked.edits) {
        Err(error @ EngineError::CurationMoved { .. }) => {
            return Err(Refusal::conflict(error.to_string()));
        }
        stored => stored?,
    };
    Answer::json(&Stored { edits })
}

/// Writes the edits so far into a file that a job can take.
pub(crate) fn seal(server: &Server, call: &Call) -> Answered {
    let curation = find(server, call)?;
    Answer::json(&Sealed {
        path: curation.seal()?.to_string_lossy().into_owned(),
        command: format!("thon curate seal {}", curation.record.number),
    })
}
