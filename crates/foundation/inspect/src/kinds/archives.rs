//! Compressed files, described by what they hold, and tar archives.
use std::io::{self, Read};

use serde_json::json;
use thon_images::compressed::Compression;
use thon_images::mrc::MrcHeader;

use crate::description::Description;
use crate::error::InspectError;
use crate::input::{HEAD_BYTES, Input, LARGEST_WHOLE};
use crate::kind::Kind;
use crate::recognise::kind_of;

/// A file may grow by this factor before only its start is looked at.
const LARGEST_GROWTH: u64 = 64;
/// And by this much more, for small files.
const SLACK: u64 = 16 << 20;
/// Names listed of an archive.
const MOST_NAMES: usize = 12;

/// Describes what a compressed file holds.
pub(crate) fn compressed(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let Some(compression) = Compression::detect(input.head()) else {
        let name = if input.head().starts_with(b"\xfd7zXZ") {
            "xz"
        } else {
            "other"
        };
        description.facts.set("compression", name);
        return Ok(());
    };
    let name = match compression {
        Compression::Gzip => "gzip",
        Compression::Bzip2 => "bzip2",
    };
    description.facts.set("compression", name);
    let failed = |error: io::Error| {
        input.damaged(format!(
            "the {name} stream is damaged or cut off: {error}\n  hint: fetch the file again"
        ))
    };
    let bytes = input.bytes()?;
    let start = read_bounded(compression.reader(&*bytes), HEAD_BYTES as u64).map_err(failed)?;
    let inner_name = without_ending(input.name());
    let kind = if start.is_empty() {
        Kind::Compressed
    } else {
        kind_of(&Input::in_memory(&start, inner_name))
    };
    if kind == Kind::Compressed {
        description.summary = format!("{name} data that hold no known kind");
        return Ok(());
    }
    if kind == Kind::TarArchive {
        description.kind = kind;
        tar(&mut compression.reader(&*bytes), input, description)?;
        description.summary = format!("{}, {name}", description.summary);
        return Ok(());
    }
    let limit = input
        .len()
        .saturating_mul(LARGEST_GROWTH)
        .saturating_add(SLACK)
        .min(LARGEST_WHOLE);
    let plain = read_bounded(compression.reader(&*bytes), limit + 1).map_err(failed)?;
    if plain.len() as u64 > limit {
        description.kind = kind;
        description.summary = format!("{}, {name}", kind.words());
        if let (Kind::Mrc, Ok(header)) = (kind, MrcHeader::parse(&start)) {
            super::mrc::geometry(&header, header.nz, description);
        }
        description.doubt(format!(
            "expands beyond {limit} bytes: only its start was looked at"
        ));
        return Ok(());
    }
    let inner = Input::in_memory(&plain, inner_name);
    description.facts.set("expanded_bytes", plain.len());
    // With all bytes at hand the kind may be clearer.
    description.kind = kind_of(&inner);
    description
        .kind
        .words()
        .clone_into(&mut description.summary);
    super::describe(description.kind, &inner, description)?;
    description.summary = format!("{}, {name}", description.summary);
    Ok(())
}

/// At most `len` bytes; memory grows with the bytes that arrive.
fn read_bounded(reader: impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn without_ending(name: &str) -> &str {
    let ending = name.rfind('.').map_or("", |at| &name[at..]);
    let known = [".gz", ".bz2", ".tgz"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(ending));
    if known {
        &name[..name.len() - ending.len()]
    } else {
        name
    }
}

/// Describes a tar archive: its entries by name and size (POSIX ustar headers of 512 bytes).
pub(crate) fn tar(
    archive: &mut dyn Read,
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let mut archive = archive.take(LARGEST_WHOLE);
    let mut names = Vec::new();
    let (mut files, mut content, mut at) = (0_usize, 0_u64, 0_u64);
    let cut = |what: String| input.damaged(format!("tar: {what}\n  hint: is the archive cut off?"));
    loop {
        let mut header = [0_u8; 512];
        match archive.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            other => other.map_err(|error| cut(format!("at byte {at}: {error}")))?,
        }
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let octal = String::from_utf8_lossy(&header[124..136])
            .trim_matches(['\0', ' '])
            .to_owned();
        let size = u64::from_str_radix(&octal, 8).map_err(|_| {
            cut(format!(
                "entry at byte {at}: its size reads `{octal}`, expected an octal number"
            ))
        })?;
        let padded = size.div_ceil(512) * 512;
        let skipped = io::copy(&mut (&mut archive).take(padded), &mut io::sink())
            .map_err(|error| cut(format!("entry at byte {at}: {error}")))?;
        if matches!(header[156], 0 | b'0') {
            files += 1;
            content += size;
            if names.len() < MOST_NAMES {
                names.push(
                    String::from_utf8_lossy(&header[..100])
                        .trim_matches('\0')
                        .to_owned(),
                );
            }
        }
        if skipped < size && archive.limit() == 0 {
            description.doubt(format!("listed up to {LARGEST_WHOLE} bytes only"));
            break;
        }
        if skipped < size {
            return Err(cut(format!(
                "entry at byte {at} promises {size} bytes, {skipped} are there"
            )));
        }
        at += 512 + padded;
    }
    description.facts.set("files", files);
    description.facts.set("content_bytes", content);
    description.facts.set("first_names", json!(names));
    description.summary = format!("tar archive of {files} files");
    Ok(())
}
