//! A machine without memory and a disk without room, for real.

use std::process::Command;
use std::time::{Duration, Instant};

use super::program::Place;
use super::states;

#[test]
fn want_of_memory_is_known_and_tried_again_with_more() {
    let place = Place::new("cores = 2\ncores_per_job = 1\nmemory = \"64G\"\npoll = 20\n");
    place.ok(&["run", "toy.make", "--later", "--allocate", "9000"]);
    // The worker may have 4 GB of addresses: what it asks for is refused, as by a machine that has no more.
    let ran = place.run_within("ulimit -v 4000000", &["work"]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(states(&place)[&1], "failed");
    let history = place.ok(&["history", "1"]);
    let again: Vec<&str> = history
        .lines()
        .filter(|line| line.contains("ran out of memory (memory allocation of"))
        .collect();
    assert!(again.len() >= 2, "{history}");
    assert!(again[1].contains("again with"), "{history}");
    assert!(
        history.contains("out of memory: memory allocation of"),
        "{history}"
    );
    // Where there is enough, the same job is done.
    place.ok(&["start", "1"]);
    place.ok(&["work"]);
    assert_eq!(states(&place)[&1], "done");
}

#[test]
fn a_full_disk_pauses_the_queue_and_costs_nothing() {
    let place = Place::new("");
    let mount = place.path().with_file_name("small");
    std::fs::create_dir(&mount).unwrap();
    let mut words = vec!["-t", "tmpfs", "-o", "size=6m", "tmpfs"];
    words.push(mount.to_str().unwrap());
    if !Command::new("mount")
        .args(&words)
        .output()
        .is_ok_and(|o| o.status.success())
    {
        println!("skipped: no disk can be mounted here");
        return;
    }
    let small = place.at(mount.join("project"));
    small.ok(&["new", small.path().to_str().unwrap()]);
    let text =
        "reserve = \"0\"\n[[executor]]\nname = \"here\"\ncores = 2\nmemory = \"64G\"\npoll = 20\n";
    std::fs::write(small.path().join("executors.toml"), text).unwrap();
    small.ok(&["run", "toy.make", "--later", "--count", "300"]);
    // Some hundred kilobytes stay free: enough to begin, too little for the result.
    let filler = mount.join("filler");
    let free = || -> u64 {
        let told = Command::new("df")
            .args(["--output=avail", "-B1"])
            .arg(&mount)
            .output()
            .unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        told.lines().last().unwrap().trim().parse().unwrap()
    };
    std::fs::write(&filler, vec![1u8; (free() - (400 << 10)) as usize]).unwrap();
    let mut owner = small.start(&["work"]);
    let began = Instant::now();
    loop {
        let history = small.run(&["history", "1"]);
        if String::from_utf8_lossy(&history.stdout).contains("it waits for space") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(70), "{history:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_ne!(states(&small)[&1], "failed");
    std::fs::remove_file(&filler).unwrap();
    let ended = owner.wait().unwrap();
    let state = states(&small)[&1].clone();
    let verified = small.run(&["project", "verify"]);
    let _ = Command::new("umount").arg("-l").arg(&mount).status();
    assert!(ended.success() && verified.status.success());
    assert_eq!(state, "done");
}
