//! Compressed files, described by what they hold, and tar archives.
use serde_json::json;
use thon_images::compressed::{Compression, read_bounded};

use crate::description::Description;
use crate::error::InspectError;
use crate::input::{Input, LARGEST_WHOLE};
use crate::kind::Kind;
use crate::recognise::kind_of;

/// A file may grow by this factor before only its start is looked at.
const LARGEST_GROWTH: u64 = 64;
/// And by this much more, for small files.
const SLACK: u64 = 16 << 20;

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
    let limit = input
        .len()
        .saturating_mul(LARGEST_GROWTH)
        .saturating_add(SLACK)
        .min(LARGEST_WHOLE);
    let bytes = input.bytes()?;
    let plain = read_bounded(&mut *compression.reader(&*bytes), limit + 1).map_err(|error| {
        input.damaged(format!(
            "the {name} stream is damaged or cut off: {error}\n  hint: fetch the file again"
        ))
    })?;
    let lower = input.name().to_ascii_lowercase();
    let ending = [".gz", ".bz2", ".tgz"]
        .iter()
        .find(|ending| lower.ends_with(*ending))
        .map_or(0, |ending| ending.len());
    let inner = Input::in_memory(&plain, &input.name()[..input.name().len() - ending]);
    let kind = if plain.is_empty() {
        Kind::Compressed
    } else {
        kind_of(&inner)
    };
    description.facts.set("compression", name);
    if plain.len() as u64 > limit {
        description.doubt(format!(
            "expands beyond {limit} bytes: only its kind was looked at ({})",
            kind.words()
        ));
        return Ok(());
    }
    description.facts.set("expanded_bytes", plain.len());
    if kind == Kind::Compressed {
        description.summary = format!("{name} data that hold no known kind");
        return Ok(());
    }
    description.kind = kind;
    kind.words().clone_into(&mut description.summary);
    super::describe(kind, &inner, description)?;
    description.summary = format!("{}, {name}", description.summary);
    Ok(())
}

/// Describes a tar archive: its entries by name and size (POSIX ustar headers of 512 bytes).
pub(crate) fn tar(
    bytes: &[u8],
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let mut names = Vec::new();
    let (mut files, mut content, mut at) = (0_usize, 0_u64, 0_usize);
    while let Some(header) = bytes.get(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let octal = String::from_utf8_lossy(&header[124..136])
            .trim_matches(['\0', ' '])
            .to_owned();
        let size = u64::from_str_radix(&octal, 8).map_err(|_| {
            input.damaged(format!(
                "tar entry at byte {at}: its size reads `{octal}`, expected an octal number"
            ))
        })?;
        let next = (at as u64 + 512).checked_add(size.div_ceil(512) * 512);
        let end = at as u64 + 512 + size;
        if end > bytes.len() as u64 {
            return Err(input.damaged(format!(
                "tar entry at byte {at} promises {size} bytes, the archive ends before"
            )));
        }
        if matches!(header[156], 0 | b'0') {
            files += 1;
            content += size;
            if names.len() < 12 {
                names.push(
                    String::from_utf8_lossy(&header[..100])
                        .trim_matches('\0')
                        .to_owned(),
                );
            }
        }
        at = next
            .and_then(|next| usize::try_from(next).ok())
            .unwrap_or(usize::MAX - 512);
    }
    description.facts.set("files", files);
    description.facts.set("content_bytes", content);
    description.facts.set("first_names", json!(names));
    description.summary = format!("tar archive of {files} files");
    Ok(())
}
