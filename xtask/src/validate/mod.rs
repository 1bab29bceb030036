//! `cargo xtask validate`: runs the slow physical validation and refreshes the figures in `docs/validation.md`.
//!
//! A section ([`sections`]) is a name, commands and the lines of their output that are its figures. The figures stand in
//! the document between `<!-- figures: NAME -->` and `<!-- end of figures -->`, with the commands above them; what
//! stands elsewhere is written by people. A command that fails, or prints no figure, fails the chore and leaves its
//! section as it was.
use std::io::Write;
use std::path::Path;

use figures::replace_figures;
use sections::{SECTIONS, Section};

mod figures;
mod run;
mod sections;

/// The document whose figures are refreshed.
const DOCUMENT: &str = "docs/validation.md";

/// Runs the section `only`, or all; returns how many failed.
///
/// # Errors
/// When there is no such section, or the document cannot be read or written or lacks the section's markers.
pub fn run(out: &mut dyn Write, only: Option<&str>) -> Result<usize, String> {
    let chosen: Vec<&Section> = SECTIONS
        .iter()
        .filter(|section| only.is_none_or(|name| name == section.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        return Err(format!("no such section; there are {}", names.join(", ")));
    }
    let mut failed = 0;
    for section in chosen {
        let _ = writeln!(out, "{}: running", section.name);
        match run::figures_of(section) {
            Ok(figures) => {
                refresh(section, &figures)?;
                let _ = writeln!(out, "{}: {} figures", section.name, figures.len());
            }
            Err(error) => {
                failed += 1;
                let _ = writeln!(out, "{}: FAILED: {error}", section.name);
            }
        }
    }
    Ok(failed)
}

/// Writes the figures of one section into the document and its pictures beside it.
fn refresh(section: &Section, figures: &[String]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{DOCUMENT}: {error}");
    let text = std::fs::read_to_string(DOCUMENT).map_err(failed)?;
    let block = figures::block(section, &run::circumstances(), figures);
    let text = replace_figures(&text, section.name, &block)?;
    std::fs::write(DOCUMENT, text).map_err(failed)?;
    for picture in section.pictures {
        let from = Path::new("target/tmp/pictures").join(picture);
        let to = Path::new("docs/pictures").join(picture);
        std::fs::copy(&from, &to)
            .map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))?;
    }
    Ok(())
}
