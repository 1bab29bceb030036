//! Plug-ins for tilt series and particles through the program itself: RELION's refinement for real where it is installed, the others
//! with programs of the same name that look at what was staged and write what theirs would.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const SIMULATION: &str = r#"
name = "small"
[[step]]
name = "simulate"
job = "acquire.simulate-tilt-series"
[step.parameters]
series = 1
seed = 4
box_size = 64
[step.parameters.options]
image_width = 320
image_height = 320
pixel_size = 8.0
particles = 24
beads = 4
tilt_step = 6.0
ice_thickness = 500.0
frames = 1
[[step]]
name = "tomogram"
job = "tomogram.reconstruct-wbp"
parameters = { voxel_size = 16.0, thickness = 1000.0 }
inputs = { tilt_series = "simulate.tilt_series" }
[[step]]
name = "cut"
job = "particles.extract-subtomograms"
parameters = { box_size = 24 }
inputs = { tilt_series = "simulate.tilt_series", particles = "simulate.particles", tomograms = "tomogram.tomograms" }
[[step]]
name = "reference"
job = "maps.transform"
parameters = { options = { voxel_size = 16.0, box_size = 24 } }
inputs = { map = "simulate.phantom" }
"#;

fn run(directory: &Path, programs: Option<&Path>, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thon"));
    command.args(words).current_dir(directory);
    if let Some(programs) = programs {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", programs.display()));
    }
    command.output().unwrap()
}

fn thon(directory: &Path, programs: Option<&Path>, words: &[&str]) -> Value {
    let words = [words, &["--json"]].concat();
    let output = run(directory, programs, &words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn project(at: &Path) -> PathBuf {
    run(at, None, &["new", "project"]);
    let project = at.join("project");
    fs::write(project.join("simulation.toml"), SIMULATION).unwrap();
    thon(&project, None, &["run", "simulation.toml"]);
    project
}

fn program(directory: &Path, name: &str, script: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\nset -e\n{script}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Files of an output of a finished job.
fn files(project: &Path, job: u32, slot: &str) -> Vec<PathBuf> {
    let jobs = fs::read_dir(project.join("jobs")).unwrap();
    let own = jobs.map(|entry| entry.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&format!("{job:05}-"))
    });
    let manifest = fs::read(own.unwrap().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let items = manifest["outputs"][slot]["items"].as_array().unwrap();
    let files = items[0]["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| project.join(file.as_str().unwrap()))
        .collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn relion_refines_our_particles_and_gives_them_back() {
    let there = run(Path::new("/"), None, &["doctor"])
        .status
        .code()
        .is_some()
        && Command::new("relion_refine")
            .arg("--version")
            .output()
            .is_ok();
    if !there {
        println!("skipped: relion is not installed");
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let project = project(here.path());
    let made = thon(
        &project,
        None,
        &[
            "run",
            "relion.classify-3d",
            "--iterations",
            "2",
            "--diameter",
            "300",
            "--input",
            "tilt_series=1.tilt_series",
            "--input",
            "particles=3.particles",
            "--input",
            "map=4.map",
        ],
    );
    assert_eq!(made["state"], "done", "{made}");
    let particles = json(&files(&project, 5, "particles")[0]);
    assert_eq!(
        particles["count"]
            .as_u64()
            .or(particles["rows"].as_u64())
            .unwrap_or(24),
        24
    );
    // Poses from RELION against those that were simulated.
    let compared = thon(
        &project,
        None,
        &[
            "run",
            "particles.compare",
            "--input",
            "particles=5.particles",
            "--input",
            "reference=3.particles",
        ],
    );
    let curves = json(&files(&project, 6, "differences")[0]);
    let angle = curves["facts"]["angle, median (°)"].as_f64().unwrap();
    assert!(angle < 20.0, "{angle}° of {compared}");
    // The map is an object like any other.
    thon(
        &project,
        None,
        &[
            "run",
            "maps.transform",
            "--input",
            "map=5.map",
            "--options-low-pass",
            "40",
        ],
    );
    println!("relion: 24 particles, median angle to the truth {angle:.1}°");
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one project for all programs: its simulation takes longest"
)]
fn other_programs_get_stacks_and_give_back_tilt_series() {
    let here = tempfile::tempdir().unwrap();
    let project = project(here.path());
    let programs = here.path().join("programs");
    fs::create_dir(&programs).unwrap();
    // What AreTomo would write: the true alignment, by our own export.
    thon(
        &project,
        None,
        &[
            "run",
            "export.aretomo",
            "--input",
            "tilt_series=1.tilt_series",
        ],
    );
    let listed = files(&project, 5, "files");
    let aln = listed
        .iter()
        .find(|file| file.extension().is_some_and(|e| e == "aln"))
        .unwrap();
    let sections = fs::read_to_string(aln)
        .unwrap()
        .lines()
        .filter(|l| !l.starts_with('#'))
        .count();
    let look = format!(
        "test $(wc -l < staged/series/series.rawtlt) -eq {sections}\ntest $(stat -c %s staged/series/series.mrc) -ge {}\n",
        1024 + sections * 320 * 320 * 4
    );
    let aretomo = format!(
        "{look}test \"$*\" = \"-InMrc staged/series/series.mrc -AngFile staged/series/series.rawtlt -OutMrc out/series.mrc -VolZ 0 -AlignZ 500 -TiltAxis 0.0 1 -DarkTol 0 -Gpu 0\"\ncp {} out/series.aln\n",
        aln.display()
    );
    program(&programs, "AreTomo2", &aretomo);
    let on = Some(programs.as_path());
    let words = [
        "run",
        "aretomo2.align",
        "--align-z",
        "500",
        "--input",
        "tilt_series=1.tilt_series",
    ];
    thon(&project, on, &words);
    let (truth, found) = (
        json(&files(&project, 1, "tilt_series")[0]),
        json(&files(&project, 6, "tilt_series")[0]),
    );
    let images = |series: &Value| series["images"].as_array().unwrap().clone();
    assert_eq!(images(&truth).len(), images(&found).len());
    for (a, b) in images(&truth).iter().zip(images(&found)) {
        let tilt = |image: &Value| image["geometry"]["tilt_angle"].as_f64().unwrap();
        assert!((tilt(a) - tilt(&b)).abs() < 1e-3);
    }

    // What CTFFIND asks for is what it is told, and its table comes back as defocus.
    let ctffind = format!(
        "{look}cat > asked\nsed -n 4p asked | grep -qx '8.0'\nsed -n 1p asked | grep -qx staged/series/series.mrc\ni=1\n\
         echo '# Columns: #1 - micrograph number; #2 - defocus 1 [Angstroms]; #3 - defocus 2; #4 - azimuth of astigmatism; #5 - additional phase shift [radians]; #6 - cross correlation; #7 - spacing (in Angstroms) up to which CTF rings were fit successfully' > TS_01_ctf.txt\n\
         while [ $i -le {sections} ]; do echo \"$i.000000 30500.0 29500.0 45.0 0.0 0.1 9.0\" >> TS_01_ctf.txt; i=$((i+1)); done\n"
    );
    program(&programs, "ctffind", &ctffind);
    thon(
        &project,
        on,
        &[
            "run",
            "ctffind4.estimate",
            "--input",
            "tilt_series=1.tilt_series",
        ],
    );
    let found = json(&files(&project, 7, "tilt_series")[0]);
    let defocus = found["images"][0]["ctf"]["defocus_u"].as_f64().unwrap();
    assert!((defocus - 30500.0).abs() < 1.0, "{defocus}");

    // IMOD's tilt: command files in a directory of the series' name, and the volume as a tomogram.
    let volume = files(&project, 2, "tomograms");
    let volume = volume
        .iter()
        .find(|file| file.extension().is_some_and(|e| e == "mrc"))
        .unwrap();
    let submfg = format!(
        "test \"$*\" = \"newst.com tilt.com\"\ngrep -q tilt tilt.com\ntest -f TS_01.xf\ntest -f TS_01.tlt\ncp {} TS_01_full_rec.mrc\n",
        volume.display()
    );
    program(&programs, "submfg", &submfg);
    program(&programs, "trimvol", "test \"$1\" = -rx\ncp $2 $3\n");
    thon(
        &project,
        on,
        &[
            "run",
            "imod.reconstruct",
            "--input",
            "tilt_series=1.tilt_series",
        ],
    );
    let tomogram = files(&project, 8, "tomograms");
    assert_eq!(fs::read(&tomogram[0]).unwrap(), fs::read(volume).unwrap());

    // Tomo3D: the stack that IMOD aligns, and SIRT only where iterations are asked for.
    let submfg = "test \"$*\" = newst.com\ntouch TS_01_ali.mrc\n";
    program(&programs, "submfg", submfg);
    let tomo3d = format!(
        "test -f TS_01_ali.mrc\ntest -f TS_01.tlt\ncase \"$*\" in *\"-z 64\"*\"-S -l 30\") ;; *) exit 3;; esac\ncp {} TS_01_full_rec.mrc\n",
        volume.display()
    );
    program(&programs, "tomo3d", &tomo3d);
    let words = [
        "run",
        "tomo3d.reconstruct",
        "--thickness=64",
        "--iterations=30",
        "--input",
        "tilt_series=1.tilt_series",
    ];
    thon(&project, on, &words);
    let tomogram = files(&project, 9, "tomograms");
    assert_eq!(fs::read(&tomogram[0]).unwrap(), fs::read(volume).unwrap());

    // One that tells of fewer images than it was given is not followed in silence.
    let loses = format!("head -n 12 {} > out/series.aln\n", aln.display());
    program(&programs, "AreTomo2", &loses);
    let words = [
        "run",
        "aretomo2.align",
        "--align-z",
        "501",
        "--input",
        "tilt_series=1.tilt_series",
    ];
    let told = run(&project, on, &words);
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(said.contains("the rows tell of"), "{said}");
}
