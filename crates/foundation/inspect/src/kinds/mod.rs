//! One describer per kind: reads the file with the reader of its format and fills in the answer.

mod archives;
mod atoms;
mod ctf;
mod dm;
mod documents;
mod dynamo;
mod eer;
mod em;
mod imod;
mod mdoc;
mod mrc;
mod npy;
mod spider;
mod star;
mod tables;
mod tiff;

use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;
use crate::kind::Kind;

/// Fills in the answer for a file of this kind.
pub(crate) fn describe(
    kind: Kind,
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    match kind {
        Kind::Mrc => mrc::describe(input, description),
        Kind::Tiff => tiff::describe(input, description),
        Kind::Em => em::describe(input, description),
        Kind::DigitalMicrograph => dm::describe(input, description),
        Kind::Npy | Kind::CryosparcTable => npy::describe(input, description),
        Kind::ZipArchive => npy::zip(input, description),
        Kind::Eer => eer::describe(input, description),
        Kind::ImodModel => imod::model(input, description),
        Kind::Defocus => imod::defocus(input, description),
        Kind::Residuals => imod::residuals(input, description),
        Kind::Fiducials => imod::fiducials(input, description),
        Kind::LocalAlignment => imod::local_alignment(input, description),
        Kind::CommandFile => imod::command_file(input, description),
        Kind::CtfResults => ctf::describe(input, description),
        Kind::DynamoTable => dynamo::describe(input, description),
        Kind::Spider => spider::describe(input, description),
        Kind::AtomicModel => atoms::describe(input, description),
        Kind::Star => star::describe(input, description),
        Kind::Mdoc => mdoc::describe(input, description),
        Kind::NumberTable => tables::numbers(input, description),
        Kind::Transforms => tables::transforms(input, description),
        Kind::Csv => tables::delimited(input, description),
        Kind::AretomoAlignment => tables::aretomo(input, description),
        Kind::Json => documents::json(input, description),
        Kind::JsonLines => documents::json_lines(input, description),
        Kind::Xml => documents::xml(input, description),
        Kind::Text | Kind::KeyValueFile => documents::text(input, description),
        Kind::Compressed => archives::compressed(input, description),
        Kind::TarArchive => archives::tar(&mut &*input.bytes()?, input, description),
        _ => Ok(()),
    }
}
