//! Where the project is, and how files of the outside are named inside it.

use std::path::{Path, PathBuf};

use thon_project::{Durable, JobNumber, Project, layout};

use crate::Session;
use crate::exit::{Exit, Failure, Outcome};

/// The project directory: `--project`, or the nearest one above the current directory.
pub(crate) fn project_directory(session: &Session) -> Outcome<PathBuf> {
    if let Some(given) = &session.project {
        return Ok(given.clone());
    }
    let here = current_directory()?;
    let found = here
        .ancestors()
        .find(|directory| directory.join(layout::PROJECT_FILE).is_file());
    found.map(Path::to_path_buf).ok_or_else(|| {
        Failure::new(Exit::Project, "there is no project here or above")
            .hint("`thon new DIR` makes one; `--project DIR` names one")
    })
}

/// The current directory.
pub(crate) fn current_directory() -> Outcome<PathBuf> {
    std::env::current_dir().map_err(|e| Failure::disk("find", Path::new("."), &e))
}

/// The project, opened as its owner.
pub(crate) fn open(session: &Session) -> Outcome<Project> {
    let project = Project::open(&Durable::default(), &project_directory(session)?)?;
    tell_problems(session, &project);
    Ok(project)
}

/// The project, opened to read.
pub(crate) fn open_to_read(session: &Session) -> Outcome<Project> {
    let project = Project::open_to_read(&Durable::default(), &project_directory(session)?)?;
    tell_problems(session, &project);
    Ok(project)
}

fn tell_problems(session: &Session, project: &Project) {
    for (directory, why) in project.problems() {
        session
            .terminal
            .warn(&format!("{directory} is left out: {why}"));
    }
}

/// A job's number as people write it: `7`, `00007`, `00007-reconstruct-wbp`, `jobs/00007-…/`.
pub(crate) fn job_number(text: &str) -> Outcome<JobNumber> {
    let name = text
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(text);
    let digits = name.split('-').next().unwrap_or_default();
    digits
        .parse()
        .ok()
        .filter(|number: &JobNumber| number.0 > 0)
        .ok_or_else(|| {
            Failure::usage(format!("expected the number of a job, found \"{text}\""))
                .hint("`thon ls` lists the jobs with their numbers")
        })
}

/// A file (or pattern) as a project records it: as typed in the project directory itself; elsewhere
/// relative to the project when inside, absolute otherwise.
pub(crate) fn recorded_path(root: &Path, path: &Path) -> Outcome<PathBuf> {
    if path.as_os_str().is_empty() {
        return Ok(path.into());
    }
    let real = |path: &Path| path.canonicalize();
    let root = real(root).map_err(|e| Failure::disk("find", root, &e))?;
    if path.is_relative() && real(&current_directory()?).is_ok_and(|here| here == root) {
        return Ok(path.into());
    }
    let absolute = std::path::absolute(path).map_err(|e| Failure::disk("find", path, &e))?;
    // Only directories that exist are followed: the name itself may be a link or a pattern.
    let above = absolute.ancestors().skip(1);
    for directory in above {
        let (Ok(found), Ok(rest)) = (real(directory), absolute.strip_prefix(directory)) else {
            continue;
        };
        let inside = found.strip_prefix(&root).map(|inside| inside.join(rest));
        return Ok(inside.unwrap_or_else(|_| found.join(rest)));
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_way_they_are_shown() {
        for text in ["7", "00007", "00007-reconstruct", "jobs/00007-reconstruct/"] {
            assert_eq!(job_number(text).unwrap(), JobNumber(7));
        }
        assert!(job_number("reconstruct").is_err() && job_number("0").is_err());
    }

    #[test]
    fn files_inside_the_project_are_relative() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("raw");
        std::fs::create_dir(&inside).unwrap();
        let recorded = recorded_path(directory.path(), &inside.join("a.mrc")).unwrap();
        assert_eq!(recorded, Path::new("raw/a.mrc"));
        let pattern = inside.join("none/{name}/*.mdoc");
        let recorded = recorded_path(directory.path(), &pattern).unwrap();
        assert_eq!(recorded, Path::new("raw/none/{name}/*.mdoc"));
        let outside = recorded_path(&inside, &directory.path().join("b.mrc")).unwrap();
        assert_eq!(outside, directory.path().join("b.mrc"));
    }
}
