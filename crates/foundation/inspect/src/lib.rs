//! Says what any file of the field is and holds, with its doubts.
//!
//! [`inspect`] decides the kind by content first and by name second, reads the file with the reader
//! of its format and answers with ordered facts. What is odd but real becomes a doubt; what is
//! truncated, lying or hostile is one error that says where. Memory stays bounded: pixels stream
//! block by block, and files too large to read whole are sampled, which the answer says.

mod description;
mod error;
mod input;
mod kind;
mod kinds;
mod neighbours;
mod recognise;
mod recognise_text;
mod render;
mod statistics;

pub use description::{Description, Facts};
pub use error::InspectError;
pub use kind::Kind;

use std::path::Path;

use input::Input;

/// Describes the file at `path`.
///
/// # Errors
/// [`InspectError`]: not readable, empty, truncated, lying about its size, or damaged.
pub fn inspect(path: &Path) -> Result<Description, InspectError> {
    let input = Input::open(path)?;
    let mut description = describe(&input)?;
    neighbours::compare(path, &mut description);
    Ok(description)
}

/// Describes bytes in memory as if they were the file called `name`.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_bytes(bytes: &[u8], name: &str) -> Result<Description, InspectError> {
    describe(&Input::in_memory(bytes, name))
}

/// Reads bytes in memory as a file of the given kind, whatever they look like.
///
/// # Errors
/// As [`inspect`]; also when the bytes are of another kind.
pub fn inspect_as(kind: Kind, bytes: &[u8], name: &str) -> Result<Description, InspectError> {
    describe_as(kind, &Input::in_memory(bytes, name))
}

fn describe(input: &Input<'_>) -> Result<Description, InspectError> {
    if input.is_empty() {
        return Err(InspectError::Empty {
            file: input.name().to_owned(),
        });
    }
    describe_as(recognise::kind_of(input), input)
}

fn describe_as(kind: Kind, input: &Input<'_>) -> Result<Description, InspectError> {
    let mut description = Description::new(input.name(), kind);
    description.facts.set("bytes", input.len());
    kinds::describe(kind, input, &mut description)?;
    Ok(description)
}
