//! Several processes at one refinement: the same bytes as one, also when one of them is killed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Files that name the directory of the run.
const NAMING: [&str; 2] = ["run_model.star", "run_optimiser.star"];

fn thon(program: &Path, directory: &Path, arguments: &[&str]) -> Child {
    Command::new(program)
        .current_dir(directory)
        .args(["--quiet", "--threads", "1", "run"])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the program starts")
}

fn finished(mut child: Child) {
    assert!(child.wait().expect("a child").success());
}

const SIMULATION: [&str; 15] = [
    "acquire.simulate-tilt-series",
    "--box-size=32",
    "--options-image-width=384",
    "--options-image-height=384",
    "--options-pixel-size=10",
    "--options-tilt-step=12",
    "--options-particles=70",
    "--options-particle-distance=180",
    "--options-dose-per-tilt=10",
    "--options-ice-noise=0",
    "--options-dose-damage=false",
    "--series=1",
    "--seed=4",
    "--output",
    "data",
];

const REFINEMENT: [&str; 6] = [
    "particles.refine",
    "--tilt-series=data/TS_01.tilt_series.json",
    "--particles=data/particles.particles.json",
    "--views-box-size=32",
    "--options-poses-start=given",
    "--options-maximum-iterations=3",
];

/// Digests of all files of a result, by name.
fn digests(directory: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    let mut digests = BTreeMap::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(directory).expect("below").to_path_buf();
            if path.is_dir() {
                open.push(path);
            } else if !NAMING.iter().any(|naming| name.ends_with(naming)) {
                let digest = blake3::hash(&std::fs::read(&path).expect("a file"));
                digests.insert(name, digest);
            }
        }
    }
    digests
}

/// The number of a process whose command line ends with the words.
fn process_of(words: &[&str]) -> Option<String> {
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.filter_map(Result::ok).find_map(|entry| {
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let all: Vec<&str> = command.split_terminator('\0').collect();
        let found = all.ends_with(words);
        found.then(|| entry.file_name().to_string_lossy().into_owned())
    })
}

#[test]
fn a_refinement_by_several_processes_has_the_bytes_of_one() {
    let place = tempfile::tempdir().expect("a directory");
    // A copy, so that building the program meanwhile does not change what is tested.
    let program = place.path().join("thon");
    std::fs::copy(env!("CARGO_BIN_EXE_thon"), &program).expect("the program");
    let here = place.path();
    finished(thon(&program, here, &SIMULATION));
    let refine = |more: &[&str]| thon(&program, here, &[&REFINEMENT[..], more].concat());
    finished(refine(&["--output", "one"]));
    let one = digests(&here.join("one"));
    assert!(one.len() > 10, "{one:?}");
    finished(refine(&["--processes", "2", "--output", "two"]));
    assert_eq!(one, digests(&here.join("two")));
    // One of two helpers dies as soon as it is seen.
    let leader = refine(&["--processes", "3", "--output", "three"]);
    let team = here.join("three/.team").display().to_string();
    let began = Instant::now();
    let killed = loop {
        let helper = process_of(&["help-unit", &team, "2"]);
        if let Some(helper) = helper {
            let kill = Command::new("kill").args(["-9", &helper]).status();
            break kill.is_ok_and(|status| status.success());
        }
        if began.elapsed() > Duration::from_mins(1) {
            break false;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    finished(leader);
    assert!(killed, "no helper was seen");
    assert_eq!(one, digests(&here.join("three")));
    // Nothing is left of the team.
    assert!(!here.join("three/.team").exists());
    assert_eq!(process_of(&["help-unit", &team, "1"]), None);
}
