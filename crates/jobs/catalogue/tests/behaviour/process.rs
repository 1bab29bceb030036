//! Runs one job in a process of its own and measures it: peak resident memory, CPU time, bytes written.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_compute::Quiet;
use thon_contract::{Context, Cost, Finding, UnitInputs};

use crate::fixture::{Unit, files_below, job};

/// Memory that a child may use: the default of the engine.
const CHILD_MEMORY: u64 = 8 << 30;
const VARIABLE: &str = "THON_BEHAVIOUR_JOB";

/// What a child is to do.
#[derive(Serialize, Deserialize)]
pub struct Order {
    pub root: PathBuf,
    pub aside: PathBuf,
    pub id: String,
    pub params: Value,
    pub inputs: UnitInputs,
}

/// What it needed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Needs {
    /// Peak resident memory of the process, bytes.
    pub memory: u64,
    /// The same before the job began.
    pub before: u64,
    pub cpu_seconds: f64,
    pub disk: u64,
}

/// Runs an order in a child of two threads; `None` where the system does not tell memory and time.
pub fn measured(order: &Order) -> Option<Needs> {
    if !Path::new("/proc/self/status").exists() {
        println!("skipped: this system has no /proc");
        return None;
    }
    let file = order.root.join(format!("{}.order.json", order.id));
    std::fs::write(&file, serde_json::to_vec(order).unwrap()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["process::child", "--exact", "--nocapture"])
        .env(VARIABLE, &file)
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = text.lines().find_map(|line| line.split_once("needs: "));
    let Some((_, told)) = told else {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        panic!("{}: {text}\n{errors}", order.id);
    };
    Some(serde_json::from_str(told).unwrap())
}

/// What the job says an order will need.
pub fn foretold(order: &Order) -> Cost {
    let unit = Unit {
        root: order.root.clone(),
        aside: order.aside.clone(),
        id: order.id.clone(),
    };
    let context = Context::new(&unit, &Quiet, CHILD_MEMORY);
    let params = job(&order.id).complete_params(&order.params).unwrap();
    job(&order.id)
        .cost(&params, &order.inputs, &context)
        .unwrap()
}

/// Not a test by itself: what the child does.
#[test]
fn child() {
    let Some(file) = std::env::var_os(VARIABLE) else {
        return;
    };
    let order: Order = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(thon_compute::memory::keep_freed() || cfg!(not(target_env = "gnu")));
    let before = peak_memory();
    let start = cpu_seconds();
    let unit = Unit {
        root: order.root,
        aside: order.aside.clone(),
        id: order.id.clone(),
    };
    std::fs::create_dir_all(&unit.aside).unwrap();
    let context = Context::new(&unit, &Quiet, CHILD_MEMORY);
    let job = job(&order.id);
    let params = job.complete_params(&order.params).unwrap();
    let findings = job.check(&params, &order.inputs, &context);
    assert!(!findings.iter().any(Finding::is_error), "{findings:?}");
    job.run(&params, &order.inputs, &context).unwrap();
    let needs = Needs {
        memory: peak_memory(),
        before,
        cpu_seconds: cpu_seconds() - start,
        disk: files_below(&order.aside)
            .values()
            .map(|bytes| bytes.len() as u64)
            .sum(),
    };
    println!("needs: {}", serde_json::to_string(&needs).unwrap());
}

/// `VmHWM` of this process in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kilobytes << 10
}

/// User and system time of this process; the clock of `/proc` ticks a hundred times a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11..13]
        .iter()
        .map(|t| t.parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}
