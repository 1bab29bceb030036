//! The engine's core: `step(state, event) -> (state, effects)`, without clock, files or chance.
//!
//! ```text
//! draft → waiting → ready → submitting → submitted → running → done
//!            ▲ ▼      ▲                      │          ├→ failed
//!          blocked    └── interrupted, out of memory, disk full ┘
//! submitting, submitted, running ⇄ unknown        any of them → cancelling → cancelled
//! ```
//! What decides, first that speaks: the job's directory (a result, an outcome of the current attempt, a beat that
//! advances), then the executor, and an executor's "gone" only when it is said twice, a whole visibility window apart, with
//! no beat in between. No answer decides nothing: the job is *unknown* and stays. Before another attempt is submitted the
//! earlier one is fenced: its claim is taken in its place, or it is marked superseded, so that it can do nothing any more.

mod event;
mod observe;
mod state;
mod step;

pub use event::{Adopted, Effect, End, Event, Found, LookupAnswer, QueueAnswer, SubmitAnswer};
pub use state::{
    Capacity, Handle, Job, JobId, MAX_INTERRUPTIONS, MAX_MEMORY_RETRIES, Millis, Need, POLL, Phase,
    SILENCE, State, VISIBILITY,
};
pub use step::step;
