//! CPU time and peak memory of this process, from `/proc/self`.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

/// CPU nanoseconds that the threads of this process have run, from the scheduler's own counts in
/// `/proc/self/task/*/schedstat`; threads that have ended are not in it. `None` where there is no such file.
fn scheduler_nanoseconds() -> Option<u64> {
    let mut total = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        total += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(total)
}

/// CPU seconds of the process (all threads): wall time where the system does not tell.
pub fn cpu_seconds(start: Instant) -> f64 {
    scheduler_nanoseconds().map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns as f64 * 1e-9)
}

/// The least CPU time of `runs` calls of `work`, in seconds.
pub fn least_cpu_seconds<R>(runs: usize, mut work: impl FnMut() -> R) -> f64 {
    let start = Instant::now();
    (0..runs.max(1))
        .map(|_| {
            let before = cpu_seconds(start);
            black_box(work());
            cpu_seconds(start) - before
        })
        .fold(f64::INFINITY, f64::min)
}

/// Peak resident memory of the process so far, MiB; 0 where the system does not tell.
pub fn peak_memory_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(0.0, |kib| kib / 1024.0)
}
