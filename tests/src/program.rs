//! Runs of the `thon` program as users start it, with the CPU time and the peak memory of its process.
//!
//! The program is that of `THON_PROGRAM`, or the optimised one of this checkout's target folder. CPU time is user and
//! system time from `/proc` (10 ms steps); peak memory is the largest `VmHWM` seen, looked at every 5 ms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// User and system time, seconds.
    pub cpu: f64,
    /// Peak resident memory, MB (10⁶ bytes).
    pub memory: f64,
}

/// The program that is measured; none, with a line, where it was not built.
pub fn program() -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/thon");
    let program = std::env::var_os("THON_PROGRAM").map_or(built, PathBuf::from);
    if program.is_file() {
        return Some(program);
    }
    println!("skipped: no optimised program, `cargo build --release -p thon` makes it");
    None
}

/// Runs the program with one thread in `directory`.
///
/// # Panics
/// When the program cannot be started or fails, with what it said.
pub fn thon<S: AsRef<std::ffi::OsStr>>(program: &Path, directory: &Path, arguments: &[S]) -> Spent {
    let before = cpu_of_children();
    let mut child = Command::new(program)
        .current_dir(directory)
        .env("RAYON_NUM_THREADS", "1")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory: f64 = 0.0;
    while child.try_wait().expect("a child").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        memory = memory.max(peak(&text).unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("a child");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    Spent {
        cpu: cpu_of_children() - before,
        memory,
    }
}

/// `VmHWM` of a status file, MB.
fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024e-6)
}

/// CPU seconds of the children of this process that have ended.
fn cpu_of_children() -> f64 {
    let line = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = line.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}
