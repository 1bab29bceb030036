//! From bytes to text: gzip is undone within bounds, the format recognised by content.
use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use crate::error::AtomsError;
use crate::model::ModelFormat;

/// A compressed model may grow by this factor; real ones stay below 12.
const LARGEST_GROWTH: u64 = 64;
/// And by this much more, for tiny files.
const SLACK: u64 = 1 << 20;
/// Records a PDB file may open with.
const RECORD_NAMES: [&str; 24] = [
    "HEADER", "TITLE", "OBSLTE", "SPLIT", "CAVEAT", "COMPND", "SOURCE", "KEYWDS", "EXPDTA",
    "NUMMDL", "MDLTYP", "AUTHOR", "REVDAT", "SPRSDE", "JRNL", "REMARK", "DBREF", "SEQRES",
    "CRYST1", "MODEL", "ATOM", "HETATM", "USER", "ORIGX1",
];

/// The text of the file; bytes that are not UTF-8 (old author names) become replacement characters. Carriage
/// returns that are the only line ends become line feeds: one long line would count as one atom.
pub(crate) fn plain_text<'a>(bytes: &'a [u8], name: &str) -> Result<Cow<'a, str>, AtomsError> {
    let text = expanded(bytes, name)?;
    if text.contains('\r') && !text.contains('\n') {
        return Ok(Cow::Owned(text.replace('\r', "\n")));
    }
    Ok(text)
}

fn expanded<'a>(bytes: &'a [u8], name: &str) -> Result<Cow<'a, str>, AtomsError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(String::from_utf8_lossy(bytes));
    }
    let largest = bytes.len() as u64 * LARGEST_GROWTH + SLACK;
    let mut plain = Vec::new();
    let damaged = |what: String| AtomsError::Compressed {
        file: name.to_owned(),
        what,
    };
    MultiGzDecoder::new(bytes)
        .take(largest + 1)
        .read_to_end(&mut plain)
        .map_err(|error| damaged(format!("the gzip stream is damaged or cut off: {error}")))?;
    if plain.len() as u64 > largest {
        return Err(damaged(format!(
            "expands more than {LARGEST_GROWTH}-fold, which no atomic model does"
        )));
    }
    Ok(Cow::Owned(match String::from_utf8(plain) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

/// PDB when the first line that says anything is a PDB record and an atom follows; mmCIF when a
/// `data_` block holds an `_atom_site` table.
pub(crate) fn recognise(text: &str) -> Option<ModelFormat> {
    let mut lines = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next()?;
    let starts_with_block = first
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("data_"));
    if starts_with_block {
        return text
            .contains("_atom_site.Cartn_x")
            .then_some(ModelFormat::Mmcif);
    }
    let record = first.split(' ').next().unwrap_or_default();
    let known = RECORD_NAMES.contains(&record) || is_atom(first);
    let atoms = || std::iter::once(first).chain(text.lines()).any(is_atom);
    (known && atoms()).then_some(ModelFormat::Pdb)
}

/// Whether the line is an ATOM or HETATM record.
pub(crate) fn is_atom(line: &str) -> bool {
    line.starts_with("ATOM  ") || line.starts_with("HETATM")
}
