//! `cargo xtask tidy`: every rule of the house that a machine can hold.
//!
//! A rule is a function over the tracked tree, the packages or both, and returns findings.
//! The rules: floors ([`floors`]), the border ([`border`]), lengths ([`lengths`]), headers and names ([`names`]),
//! traces of machines and oversized data ([`traces`]), licences ([`licences`]) and
//! duplicated dependencies ([`duplicates`]).
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

mod border;
mod duplicates;
mod floors;
mod house_rules;
mod lengths;
mod licences;
mod names;
mod packages;
mod source;
mod traces;
mod tree;

/// How bad a finding is: only errors fail the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Fails the run.
    Error,
    /// Worth a look.
    Warning,
}

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path relative to the workspace root.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Whether it fails the run.
    pub severity: Severity,
    /// What is wrong, with the figure found and the figure allowed.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl Finding {
    fn error(path: &str, line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            severity: Severity::Error,
            what: what.into(),
            hint: hint.into(),
        }
    }

    fn warning(path: &str, line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, line, what, hint)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(
            f,
            "{}:{}: {mark}{} — {}",
            self.path, self.line, self.what, self.hint
        )
    }
}

/// Why the chore itself could not run.
pub type Failure = Box<dyn std::error::Error>;

/// Runs every rule on the workspace, prints the findings and returns the number of errors.
///
/// # Errors
/// When git, cargo or the rules file cannot be read.
pub fn run(out: &mut impl Write, quiet: bool) -> Result<usize, Failure> {
    let root = workspace_root()?;
    let rules = house_rules::HouseRules::read(&root.join("xtask/tidy.toml"))?;
    let tree = tree::Tree::read(&root)?;
    let packages = packages::Packages::read(&root)?;
    let mut findings = Vec::new();
    findings.extend(floors::check(&packages.own));
    findings.extend(border::check(&tree));
    findings.extend(lengths::check(&tree));
    findings.extend(names::check(&tree));
    findings.extend(traces::check(&tree));
    findings.extend(licences::check(&packages.outside, &rules));
    findings.extend(duplicates::check(&packages.outside, &rules));
    findings.sort();
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let shown = findings
        .iter()
        .filter(|finding| !quiet || finding.severity == Severity::Error);
    for finding in shown {
        writeln!(out, "{finding}")?;
    }
    writeln!(
        out,
        "tidy: {} files, {} own crates, {} dependencies: {errors} errors, {} warnings",
        tree.files.len(),
        packages.own.len(),
        packages.outside.len(),
        findings.len() - errors
    )?;
    Ok(errors)
}

fn workspace_root() -> Result<PathBuf, Failure> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().ok_or("the xtask folder has no parent")?;
    Ok(root.to_path_buf())
}
