//! Checks the files of a project against its manifests and records.
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::error::ProjectError;
use crate::index::job_directories;
use crate::layout::{self, JobNumber};
use crate::lines;
use crate::project::Project;
use crate::state::attempt_numbers;

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Presence and length of every file.
    Sizes,
    /// Also the BLAKE3 of every byte.
    Digests,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum Problem {
    /// The job directory cannot be understood.
    Unreadable {
        /// Why.
        why: String,
    },
    /// A file of a result is not there.
    Missing,
    /// A file of a result has another length.
    WrongSize {
        /// Bytes promised.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A file of a result has another content.
    WrongDigest {
        /// Digest promised.
        expected: Digest,
        /// Digest found.
        found: Digest,
    },
    /// Lines of a record are torn or garbled; they are ignored, and their work is done again when needed.
    DamagedLines {
        /// How many.
        count: usize,
    },
}

/// One thing that is wrong in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The job, when its number is known.
    pub job: Option<JobNumber>,
    /// The file or directory, relative to the project.
    pub path: String,
    /// What is wrong with it.
    #[serde(flatten)]
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.problem {
            Problem::Unreadable { why } => write!(formatter, "{path}: {why}"),
            Problem::Missing => write!(formatter, "{path}: is not there"),
            Problem::WrongSize { expected, found } => write!(
                formatter,
                "{path}: expected {expected} bytes, found {found}"
            ),
            Problem::WrongDigest { expected, found } => write!(
                formatter,
                "{path}: expected BLAKE3 {expected}, found {found}"
            ),
            Problem::DamagedLines { count } => {
                write!(formatter, "{path}: {count} damaged lines are ignored")
            }
        }
    }
}

impl Project {
    /// Checks one job; an empty list means that nothing is wrong.
    pub fn verify_job(&self, job: JobNumber, check: Check) -> Result<Vec<Finding>, ProjectError> {
        let directory = self.job_directory(job)?;
        self.verify_directory(&directory.as_str()[layout::JOBS.len() + 1..], check)
    }

    /// Checks all jobs, also those the index leaves out.
    pub fn verify(&self, check: Check) -> Result<Vec<Finding>, ProjectError> {
        let mut findings = Vec::new();
        for directory in job_directories(self.durable(), self.root())? {
            findings.extend(self.verify_directory(&directory, check)?);
        }
        Ok(findings)
    }

    fn verify_directory(
        &self,
        directory: &str,
        check: Check,
    ) -> Result<Vec<Finding>, ProjectError> {
        let job = layout::job_number(directory);
        let (durable, root) = (self.durable(), self.root());
        let name = format!("{}/{directory}", layout::JOBS);
        let finding = |path: String, problem| Finding { job, path, problem };
        let facts = match crate::state::JobFacts::read(durable, root, directory) {
            Ok(facts) => facts,
            Err(error) => {
                return Ok(vec![finding(
                    name,
                    Problem::Unreadable {
                        why: error.to_string(),
                    },
                )]);
            }
        };
        let mut findings = self.verify_lines(directory, &name, job)?;
        match (&facts.manifest, &facts.damage) {
            (None, Some(why)) => {
                findings.push(finding(name, Problem::Unreadable { why: why.clone() }));
            }
            (None, None) => {}
            (Some(manifest), damage) => {
                for (path, size, digest) in manifest.files() {
                    let problem = self.verify_file(&path.under(root), size, digest, check)?;
                    findings.extend(problem.map(|problem| finding(path.to_string(), problem)));
                }
                if let (Some(why), true) = (damage, findings.is_empty()) {
                    findings.push(finding(name, Problem::Unreadable { why: why.clone() }));
                }
            }
        }
        Ok(findings)
    }

    fn verify_lines(
        &self,
        directory: &str,
        name: &str,
        job: Option<JobNumber>,
    ) -> Result<Vec<Finding>, ProjectError> {
        let mut findings = Vec::new();
        let place = self.root().join(layout::JOBS).join(directory);
        for number in attempt_numbers(self.durable(), &place)? {
            let attempt = layout::attempt_directory(number);
            for file in [layout::UNITS_FILE, layout::EVENTS_FILE] {
                let count =
                    lines::read::<Value>(self.durable(), &place.join(&attempt).join(file))?.damaged;
                if count > 0 {
                    let path = format!("{name}/{attempt}/{file}");
                    findings.push(Finding {
                        job,
                        path,
                        problem: Problem::DamagedLines { count },
                    });
                }
            }
        }
        Ok(findings)
    }

    fn verify_file(
        &self,
        path: &std::path::Path,
        size: u64,
        digest: Digest,
        check: Check,
    ) -> Result<Option<Problem>, ProjectError> {
        let Some(found) = self.durable().file_length(path)? else {
            return Ok(Some(Problem::Missing));
        };
        if found != size {
            return Ok(Some(Problem::WrongSize {
                expected: size,
                found,
            }));
        }
        if check == Check::Digests {
            let (_, found) = Digest::of_file(self.durable(), path)?;
            return Ok((found != digest).then_some(Problem::WrongDigest {
                expected: digest,
                found,
            }));
        }
        Ok(None)
    }
}
