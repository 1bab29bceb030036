//! Files beside a stack that must agree with it: angle lists and mdocs with as many entries as sections.
use std::path::{Path, PathBuf};

use thon_formats::mdoc::{self, SectionKind};
use thon_formats::numeric_table;

use crate::description::Description;
use crate::kind::Kind;

/// Neighbours larger than this are not read.
const LARGEST: u64 = 64 << 20;

/// Adds a doubt for every neighbour that lists another number of images than the stack holds.
pub(crate) fn compare(path: &Path, description: &mut Description) {
    let stack = matches!(
        description.kind,
        Kind::Mrc | Kind::Tiff | Kind::DigitalMicrograph
    );
    let sections = description
        .facts
        .number("sections")
        .map_or(0, |number| number as usize);
    if !stack || sections < 2 {
        return;
    }
    for (neighbour, count) in neighbours(path) {
        let Some(found) = count(&neighbour) else {
            continue;
        };
        let name = neighbour
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if found != sections {
            description.doubt(format!(
                "{name} beside it lists {found} images, the stack has {sections} sections"
            ));
        }
    }
}

type Counter = fn(&Path) -> Option<usize>;

fn neighbours(path: &Path) -> Vec<(PathBuf, Counter)> {
    let mut with_mdoc = path.as_os_str().to_owned();
    with_mdoc.push(".mdoc");
    let candidates: [(PathBuf, Counter); 4] = [
        (PathBuf::from(with_mdoc), images_of_mdoc),
        (path.with_extension("mdoc"), images_of_mdoc),
        (path.with_extension("rawtlt"), rows_of_table),
        (path.with_extension("tlt"), rows_of_table),
    ];
    let fits = |path: &Path| {
        path.metadata()
            .is_ok_and(|data| data.is_file() && data.len() <= LARGEST)
    };
    candidates
        .into_iter()
        .filter(|(neighbour, _)| fits(neighbour))
        .collect()
}

fn images_of_mdoc(path: &Path) -> Option<usize> {
    let mdoc = mdoc::read(path).ok()?;
    Some(mdoc.sections_of(SectionKind::ZValue).count()).filter(|count| *count > 0)
}

fn rows_of_table(path: &Path) -> Option<usize> {
    numeric_table::read(path).ok().map(|table| table.rows())
}
