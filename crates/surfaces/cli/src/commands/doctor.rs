//! `thon doctor`: the machine, the terminal and the project at a glance.

use std::io::IsTerminal;
use std::path::Path;

use serde_json::{Value, json};
use thon_project::verify::Check;

use super::jobs;
use crate::exit::Exit;
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::text::bytes;
use crate::{Session, place};

/// Disk space below which a warning is due.
const LITTLE_DISK: u64 = 10_000_000_000;

pub(super) fn doctor(session: &Session) -> Exit {
    let mut exit = Exit::Ok;
    let mut doubts: Vec<String> = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let simd = simd_level();
    if simd == Simd::Baseline {
        doubts.push("this processor has no AVX2: computations will be slow".into());
    }
    let memory = memory_of_machine();
    let here = place::project_directory(session).ok();
    let place = here.clone().unwrap_or_else(|| Path::new(".").into());
    let disk = free_disk(&place);
    if disk.is_some_and(|free| free < LITTLE_DISK) {
        doubts.push(format!(
            "little space is left on the disk of {}",
            place.display()
        ));
    }
    let (project, health) = project_health(session, here.as_deref());
    if health == Some(false) {
        exit = Exit::Project;
    }
    let application = &session.application;
    let document = json!({
        "thon": application.version, "jobs": jobs::known(session),
        "cores": cores, "threads": rayon::current_num_threads(), "simd": simd.words(),
        "memory": memory.map(|m| m.total), "memory_available": memory.map(|m| m.available),
        "memory_for_jobs": session.settings.memory, "disk_free": disk,
        "terminal": { "output": std::io::stdout().is_terminal(), "columns": session.terminal.width, "colours": session.terminal.paint().0 },
        "project": project, "doubts": doubts,
    });
    if session.terminal.json {
        session.terminal.json(&document);
    } else {
        print(session, &document);
    }
    exit
}

fn print(session: &Session, document: &Value) {
    let size = |value: &Value| value.as_u64().map_or("unknown".into(), bytes);
    let mut table = Table::new(&["", ""]);
    let mut line = |name: &str, text: String| {
        table.row(vec![Cell::toned(name, Tone::Dim), text.into()]);
    };
    let count = document["jobs"].as_array().map_or(0, Vec::len);
    let version = document["thon"].as_str().unwrap_or_default();
    line(
        "thon",
        format!("{version}, {}", crate::text::count(count as u64, "job")),
    );
    line(
        "threads",
        format!("{} of {} cores", document["threads"], document["cores"]),
    );
    line(
        "vectors",
        document["simd"].as_str().unwrap_or_default().to_owned(),
    );
    line(
        "memory",
        format!(
            "{} ({} free now); a job may use {}",
            size(&document["memory"]),
            size(&document["memory_available"]),
            size(&document["memory_for_jobs"])
        ),
    );
    line("disk", format!("{} free", size(&document["disk_free"])));
    let terminal = &document["terminal"];
    let colours = if terminal["colours"] == true {
        "colours"
    } else {
        "no colours"
    };
    line(
        "terminal",
        if terminal["output"] == true {
            format!("{} columns, {colours}", terminal["columns"])
        } else {
            "none (output goes to a file or program)".into()
        },
    );
    let project = &document["project"];
    line(
        "project",
        match project["directory"].as_str() {
            None => "none here or above".into(),
            Some(directory) => {
                let words = project["health"].as_str().unwrap_or_default();
                format!("{directory}: {words}")
            }
        },
    );
    session.terminal.table(&table, 0);
    for finding in project["findings"].as_array().into_iter().flatten() {
        session.terminal.warn(finding.as_str().unwrap_or_default());
    }
    for doubt in document["doubts"].as_array().into_iter().flatten() {
        session.terminal.warn(doubt.as_str().unwrap_or_default());
    }
}

/// What is known of the project, and whether it is well.
fn project_health(session: &Session, directory: Option<&Path>) -> (Value, Option<bool>) {
    let Some(directory) = directory else {
        return (Value::Null, None);
    };
    let looked = place::open_to_read(session).and_then(|project| {
        let jobs = project.jobs()?.len() as u64;
        let mut findings: Vec<String> = project
            .verify(Check::Sizes)?
            .iter()
            .map(ToString::to_string)
            .collect();
        findings.extend(
            project
                .problems()
                .iter()
                .map(|(name, why)| format!("{name}: {why}")),
        );
        Ok((jobs, findings))
    });
    let (health, findings) = match looked {
        Ok((jobs, findings)) => {
            let jobs = crate::text::count(jobs, "job");
            let verdict = if findings.is_empty() {
                "all files there".to_owned()
            } else {
                crate::text::count(findings.len() as u64, "problem")
            };
            (format!("{jobs}, {verdict}"), findings)
        }
        Err(failure) => ("cannot be opened".to_owned(), vec![failure.text]),
    };
    let well = findings.is_empty();
    (
        json!({ "directory": directory, "health": health, "findings": findings }),
        Some(well),
    )
}

/// What vector instructions the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Simd {
    Avx512,
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Baseline,
}

impl Simd {
    fn words(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512 (x86-64-v4)",
            Self::Avx2 => "AVX2 and FMA (x86-64-v3)",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "NEON (AArch64)",
            Self::Baseline => "baseline only",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn simd_level() -> Simd {
    let wide = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (
        wide,
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
    ) {
        (true, _) => Simd::Avx512,
        (false, true) => Simd::Avx2,
        (false, false) => Simd::Baseline,
    }
}

#[cfg(target_arch = "aarch64")]
fn simd_level() -> Simd {
    Simd::Neon
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd_level() -> Simd {
    Simd::Baseline
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    total: u64,
    available: u64,
}

fn memory_of_machine() -> Option<Memory> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Memory {
        total: kilobytes("MemTotal:")? * 1024,
        available: kilobytes("MemAvailable:")? * 1024,
    })
}

/// The largest memory this process has used, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Memory that a job may use: as given, else the engine's default or three quarters of the machine.
pub(crate) fn memory_allowance(given: Option<u64>) -> u64 {
    let default = thon_engine::Settings::default().memory;
    given.unwrap_or_else(|| memory_of_machine().map_or(default, |m| default.min(m.total / 4 * 3)))
}

fn free_disk(place: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(place).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
