//! Every parser under test: those behind a kind of `thon inspect`, and the readers it does not reach.
use thon_inspect::{Kind, inspect_as, inspect_bytes};

use crate::direct::{self, Answer};

/// What a parser reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Pixels, tables and archives in bytes.
    Bytes,
    /// Lines of text.
    Text,
}

/// One parser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parser {
    /// Name, also of its folder in `testdata/corpus` and of its `cargo fuzz` target.
    pub name: String,
    /// Stream of random numbers of its mutations.
    pub stream: u64,
    pub family: Family,
    reader: Reader,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Reader {
    Kind(Kind),
    Direct(&'static str),
}

impl Parser {
    /// The parser of a kind.
    pub(crate) fn of(kind: Kind) -> Self {
        let name = serde_json::to_value(kind).expect("a kind is a word");
        Self {
            name: name.as_str().expect("a kind is a word").to_owned(),
            stream: kind as u64,
            family: family(kind),
            reader: Reader::Kind(kind),
        }
    }

    /// The readers that no kind reaches.
    pub(crate) fn direct() -> impl Iterator<Item = Self> {
        direct::READERS
            .iter()
            .enumerate()
            .map(|(index, (name, _))| {
                let in_bytes = ["npz_arrays", "npy_columns", "imod_chunks"].contains(name);
                Self {
                    name: (*name).to_owned(),
                    stream: 100 + index as u64,
                    family: if in_bytes {
                        Family::Bytes
                    } else {
                        Family::Text
                    },
                    reader: Reader::Direct(name),
                }
            })
    }

    /// The kind it stands behind.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.reader {
            Reader::Kind(kind) => Some(kind),
            Reader::Direct(_) => None,
        }
    }

    /// Reads the bytes as what this parser expects.
    pub(crate) fn read(&self, bytes: &[u8]) -> Answer {
        match self.reader {
            Reader::Kind(kind) => inspect_as(kind, bytes, "hostile")
                .map(|_| ())
                .map_err(|error| error.to_string()),
            Reader::Direct(name) => direct::read(name, bytes),
        }
    }

    /// Recognises the bytes under a name that helps, and reads them.
    pub(crate) fn recognise(&self, bytes: &[u8]) -> Answer {
        let name = self.kind().map_or("a.npz", extension);
        inspect_bytes(bytes, name)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

fn family(kind: Kind) -> Family {
    match kind {
        Kind::Mrc
        | Kind::Tiff
        | Kind::Eer
        | Kind::Em
        | Kind::DigitalMicrograph
        | Kind::Spider
        | Kind::Npy
        | Kind::CryosparcTable
        | Kind::ImodModel
        | Kind::TarArchive
        | Kind::ZipArchive
        | Kind::Compressed => Family::Bytes,
        _ => Family::Text,
    }
}

/// A name that files of this kind may have.
fn extension(kind: Kind) -> &'static str {
    match kind {
        Kind::Mrc => "a.mrc",
        Kind::Tiff => "a.tif",
        Kind::Eer => "a.eer",
        Kind::Em => "a.em",
        Kind::DigitalMicrograph => "a.dm3",
        Kind::CryosparcTable => "a.cs",
        Kind::ImodModel => "a.mod",
        Kind::AtomicModel => "a.pdb",
        Kind::Star => "a.star",
        Kind::Mdoc => "a.mdoc",
        Kind::AretomoAlignment => "a.aln",
        Kind::NumberTable => "a.tlt",
        Kind::Transforms => "a.xf",
        Kind::Defocus => "a.defocus",
        Kind::Residuals => "a.resid",
        Kind::Fiducials => "fid.xyz",
        Kind::LocalAlignment => "local.xf",
        Kind::DynamoTable => "a.tbl",
        Kind::CommandFile => "a.com",
        Kind::KeyValueFile => "a.prm",
        Kind::Csv => "a.csv",
        Kind::Json => "a.json",
        Kind::Xml => "a.xml",
        Kind::Compressed => "a.mrc.gz",
        Kind::ZipArchive => "a.npz",
        _ => "a.txt",
    }
}
