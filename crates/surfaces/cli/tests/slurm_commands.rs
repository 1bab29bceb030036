//! Slurm as the queue sees it, by stand-ins of `sbatch`, `squeue` and `scancel`: arrays, answers that are lost, refusals.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "queue/program.rs"]
#[expect(dead_code, reason = "the other test of the queue uses the rest")]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use program::Place;

/// Starts the script once per array task, in the background, and says its number.
const SBATCH: &str = r#"#!/bin/bash
here=$(dirname "$0")
[ -e "$here/refuse" ] && { echo "sbatch: error: Batch job submission failed: Invalid account" >&2; exit 1; }
for word in "$@"; do case "$word" in
  --job-name=*) name=${word#--job-name=} ;;
  --array=0-*) last=${word#--array=0-} ;;
esac; done
number=$(( $(ls "$here/queue" | wc -l) + 1 ))
cat > "$here/script.$number"
echo "$name" > "$here/queue/$number"
for task in $(seq 0 ${last:-0}); do
  SLURM_ARRAY_TASK_ID=$task setsid bash "$here/script.$number" >/dev/null 2>&1 </dev/null &
  echo $! >> "$here/pids.$number"
done
[ -e "$here/silent" ] && { rm "$here/silent"; echo "sbatch: error: Socket timed out on send/recv operation" >&2; exit 1; }
echo "$number"
"#;

/// Lists what lives.
const SQUEUE: &str = r#"#!/bin/bash
here=$(dirname "$0")
for file in "$here"/queue/*; do
  number=$(basename "$file")
  while read -r pid; do kill -0 "$pid" 2>/dev/null && echo "$number|$(cat "$file")|RUNNING"; done < "$here/pids.$number"
done
exit 0
"#;

const SCANCEL: &str =
    "#!/bin/bash\nxargs -r kill -TERM < \"$(dirname \"$0\")/pids.$1\" 2>/dev/null\nexit 0\n";

fn stand_ins(directory: &Path) {
    fs::create_dir_all(directory.join("queue")).unwrap();
    for (name, text) in [("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)] {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn place(commands: &Path) -> Place {
    stand_ins(commands);
    let place = Place::new(&format!(
        "kind = \"slurm\"\npoll = 100\nvisibility = 1500\ncores_per_job = 1\ntasks = 3\ncommands = \"{}\"\n",
        commands.display()
    ));
    place.ok(&["run", "toy.make", "--count", "5"]);
    place
}

#[test]
fn items_run_as_array_tasks() {
    let commands = tempfile::tempdir().unwrap();
    let place = place(commands.path());
    place.ok(&["run", "toy.scale-curve", "--later", "--input", "1"]);
    place.ok(&["work"]);
    let parts = place.path().join("jobs/00002-scale-curve/attempt-1");
    assert!(parts.join("part-2").is_dir() && !parts.join("part-3").exists());
    let reference = Place::new("");
    reference.ok(&["run", "toy.make", "--count", "5"]);
    reference.ok(&["run", "toy.scale-curve", "--input", "1"]);
    assert_eq!(place.results(), reference.results());
}

#[test]
fn a_lost_answer_doubles_nothing() {
    let commands = tempfile::tempdir().unwrap();
    let place = place(commands.path());
    fs::write(commands.path().join("silent"), "").unwrap();
    place.ok(&[
        "run",
        "toy.scale-curve",
        "--later",
        "--input",
        "1",
        "--pause",
        "60",
    ]);
    place.ok(&["work"]);
    assert_eq!(
        fs::read_dir(commands.path().join("queue")).unwrap().count(),
        1
    );
    assert_eq!(place.attempts(), 2);
}

#[test]
fn a_refusal_says_why() {
    let commands = tempfile::tempdir().unwrap();
    let place = place(commands.path());
    fs::write(commands.path().join("refuse"), "").unwrap();
    place.ok(&["run", "toy.scale-curve", "--later", "--input", "1"]);
    assert_eq!(place.run(&["work"]).status.code(), Some(1));
    let history = place.ok(&["history", "2"]);
    assert!(history.contains("Invalid account"), "{history}");
    fs::remove_file(commands.path().join("refuse")).unwrap();
    place.ok(&["start", "2"]);
    place.ok(&["work"]);
}

#[test]
fn what_is_told_to_end_goes_on_in_another_attempt() {
    let commands = tempfile::tempdir().unwrap();
    let place = place(commands.path());
    place.ok(&[
        "run",
        "toy.scale-curve",
        "--later",
        "--input",
        "1",
        "--pause",
        "100",
    ]);
    let mut owner = place.start(&["work"]);
    let pids = commands.path().join("pids.1");
    let beat = place
        .path()
        .join("jobs/00002-scale-curve/attempt-1/part-0/beat");
    while !beat.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The end of the walltime, as the script sees it.
    for pid in fs::read_to_string(pids).unwrap().lines() {
        let _ = std::process::Command::new("kill")
            .args(["-USR1", pid])
            .status();
    }
    assert!(owner.wait().unwrap().success());
    let history = place.ok(&["history", "2"]);
    assert!(history.contains("attempt 1 was interrupted"), "{history}");
    assert_eq!(place.attempts(), 3);
}
