//! `thon watch` beside a microscope that writes in any order, in pieces, and is interrupted: what comes out is what a run on the
//! finished folder makes, and each series is through before the next begins.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SIMULATION: &str = r#"
name = "microscope"
[[step]]
name = "simulate"
job = "acquire.simulate-tilt-series"
[step.parameters]
series = 3
seed = 4
box_size = 64
[step.parameters.options]
image_width = 192
image_height = 192
pixel_size = 6.0
particles = 3
beads = 3
tilt_step = 20.0
ice_thickness = 500.0
frames = 3
"#;

/// Motion correction series by series, and an export that needs all of them.
const PIPELINE: &str = r#"
name = "session"
[variables]
mdocs = "unset"
movies = "unset"
[[step]]
name = "import"
job = "import.mdoc"
parameters = { mdocs = ["${mdocs}"], movies = "${movies}" }
[[step]]
name = "movies"
job = "movies.correct-motion"
inputs = { tilt_series = "import.tilt_series" }
[[step]]
name = "check"
job = "tilt_series.check-views"
inputs = { tilt_series = "movies.tilt_series" }
[[step]]
name = "export"
job = "export.relion"
inputs = { tilt_series = "check.tilt_series" }
[[quality]]
name = "drift (Å)"
step = "movies"
metric = "mean drift (Å)"
most = 0.001
"#;

fn command(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thon"));
    command.args(words).current_dir(directory);
    command
}

fn thon(directory: &Path, words: &[&str]) -> String {
    let output = command(directory, words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(directory: &Path, words: &[&str]) -> Value {
    serde_json::from_str(&thon(directory, words)).unwrap()
}

fn watch(project: &Path) -> Child {
    let words = ["watch", "incoming", "pipeline.toml", "--settle", "0.6"];
    let mut command = command(project, &words);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().unwrap()
}

/// The names of the movies of an mdoc.
fn movies_of(mdoc: &Path) -> Vec<String> {
    let text = fs::read_to_string(mdoc).unwrap();
    let named = text
        .lines()
        .filter_map(|line| line.strip_prefix("SubFramePath = "));
    let name = |path: &str| path.rsplit(['/', '\\']).next().unwrap().trim().to_owned();
    named.map(name).collect()
}

/// Writes a file as a microscope does: a part, a pause, the rest.
fn in_pieces(from: &Path, to: &Path, pause: u64) {
    use std::io::Write as _;
    let bytes = fs::read(from).unwrap();
    let mut file = fs::File::create(to).unwrap();
    let half = bytes.len() / 2 - bytes.len() / 10;
    file.write_all(&bytes[..half]).unwrap();
    file.sync_all().unwrap();
    std::thread::sleep(Duration::from_millis(pause));
    file.write_all(&bytes[half..]).unwrap();
}

fn state(project: &Path, series: &str) -> String {
    let ran = command(project, &["set", "session", "--json"])
        .output()
        .unwrap();
    let table: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    let rows = table["series"].as_array().cloned().unwrap_or_default();
    let row = rows.iter().find(|row| row["name"] == series);
    row.map_or_else(String::new, |row| row["state"].as_str().unwrap().to_owned())
}

fn wait_for(project: &Path, series: &str, wanted: &str) {
    let began = Instant::now();
    while state(project, series) != wanted {
        let found = state(project, series);
        assert!(
            began.elapsed() < Duration::from_secs(170),
            "{series} is {found}, not {wanted}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The files behind every output of a step's job, without the places they name.
fn results(project: &Path, operations: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let jobs = json(project, &["ls", "--json"]);
    let mut results = BTreeMap::new();
    for operation in operations {
        let of = |job: &&Value| job["operation"] == *operation && job["state"] == "done";
        // The last is that of the whole set.
        let job = jobs.as_array().unwrap().iter().rfind(of).unwrap();
        let directory = PathBuf::from(job["directory"].as_str().unwrap());
        let manifest = fs::read(directory.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        for unit in manifest["units"].as_array().unwrap() {
            let place = project.join(unit["directory"].as_str().unwrap());
            for file in unit["files"].as_array().unwrap() {
                let path = file["path"].as_str().unwrap();
                let bytes = fs::read(place.join(path)).unwrap();
                let name = format!("{operation}/{}/{path}", unit["item"].as_str().unwrap());
                results.insert(name, without_places(bytes, project));
            }
        }
    }
    results
}

/// A text with the project's own directory and `jobs/NNNNN-word/units/ITEM-KEY` taken out.
fn without_places(bytes: Vec<u8>, project: &Path) -> Vec<u8> {
    let Ok(text) = String::from_utf8(bytes.clone()) else {
        return bytes;
    };
    // RELION's tables name images in full.
    let text = text.replace(&project.display().to_string(), "PROJECT");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("jobs/") {
        plain.push_str(before);
        let mut parts = after.splitn(4, '/');
        let [job, units, unit] = [0; 3].map(|_| parts.next().unwrap_or_default());
        assert!(job.as_bytes()[..5].iter().all(u8::is_ascii_digit), "{job}");
        assert_eq!(units, "units", "{unit}");
        rest = parts.next().unwrap_or_default();
        plain.push_str("PLACE/");
    }
    plain.push_str(rest);
    plain.into_bytes()
}

/// What the microscope will write: the directory of three simulated series.
fn simulated(here: &Path) -> PathBuf {
    thon(here, &["new", "microscope"]);
    let microscope = here.join("microscope");
    fs::write(microscope.join("simulation.toml"), SIMULATION).unwrap();
    thon(&microscope, &["run", "simulation.toml"]);
    let units = microscope.join("jobs/00001-simulate-tilt-series/units");
    fs::read_dir(units).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn an_acquisition_is_processed_while_it_runs() {
    let here = tempfile::tempdir().unwrap();
    let camera = simulated(here.path());
    for name in ["live", "offline"] {
        thon(here.path(), &["new", name]);
        fs::create_dir(here.path().join(name).join("incoming")).unwrap();
        fs::write(here.path().join(name).join("pipeline.toml"), PIPELINE).unwrap();
    }
    let (live, offline) = (here.path().join("live"), here.path().join("offline"));
    let incoming = live.join("incoming");
    let drop_movie = |name: &str, pause: u64| {
        in_pieces(
            &camera.join("frames").join(name),
            &incoming.join(name),
            pause,
        );
    };

    // The first series: movies in any order, its mdoc while they still come, in pieces.
    let mut watching = watch(&live);
    let mut first = movies_of(&camera.join("TS_01.mrc.mdoc"));
    first.rotate_left(2);
    first.reverse();
    assert!(first.len() > 3);
    for name in &first[..first.len() - 1] {
        drop_movie(name, 5);
    }
    in_pieces(
        &camera.join("TS_01.mrc.mdoc"),
        &incoming.join("TS_01.mrc.mdoc"),
        900,
    );
    wait_for(&live, "TS_01", "waiting");
    // The last movie stops for longer than files must rest: it is not whole, and not taken.
    in_pieces(
        &camera.join("frames").join(&first[first.len() - 1]),
        &incoming.join(&first[first.len() - 1]),
        2500,
    );
    // Killed while it is at work, and started again.
    wait_for(&live, "TS_01", "processing");
    watching.kill().unwrap();
    watching.wait().unwrap();
    let mut watching = watch(&live);
    wait_for(&live, "TS_01", "done");
    // It was through before anything of the second was there; a third never gets its last movie.
    for name in movies_of(&camera.join("TS_02.mrc.mdoc")) {
        drop_movie(&name, 0);
    }
    for name in movies_of(&camera.join("TS_03.mrc.mdoc")).iter().skip(1) {
        drop_movie(name, 0);
    }
    for name in ["TS_03.mrc.mdoc", "TS_02.mrc.mdoc"] {
        in_pieces(&camera.join(name), &incoming.join(name), 100);
    }
    wait_for(&live, "TS_02", "done");
    wait_for(&live, "TS_03", "waiting");
    thon(&live, &["set", "session", "--close"]);
    let ended = watching.wait().unwrap();
    assert_eq!(ended.code(), Some(1), "a series was left out");
    assert_eq!(state(&live, "TS_03"), "left out");
    let table = json(&live, &["set", "session", "--json"]);
    let row = &table["series"][0];
    assert!(row["values"]["drift (Å)"].as_f64().unwrap() > 0.0, "{row}");
    assert_eq!(row["alarms"][0], "drift (Å)");
    assert_eq!(row["views"].as_u64().unwrap() as usize, first.len());
    let why = table["series"][2]["evidence"].as_str().unwrap();
    assert!(why.contains("1 movies are not there"), "{why}");
    is_what_a_run_makes(&camera, &live, &offline);
}

/// The same pipeline on the finished folder makes the same bytes, and has nothing to do in the project of the session.
fn is_what_a_run_makes(camera: &Path, live: &Path, offline: &Path) {
    // The same on the finished folder.
    for series in ["TS_01.mrc.mdoc", "TS_02.mrc.mdoc"] {
        fs::copy(camera.join(series), offline.join("incoming").join(series)).unwrap();
        for name in movies_of(&camera.join(series)) {
            fs::copy(
                camera.join("frames").join(&name),
                offline.join("incoming").join(&name),
            )
            .unwrap();
        }
    }
    let words = ["run", "pipeline.toml", "--var", "movies=incoming"];
    thon(
        offline,
        &[&words[..], &["--var", "mdocs=incoming/*.mdoc"]].concat(),
    );
    let all = [
        "import.mdoc",
        "movies.correct-motion",
        "tilt_series.check-views",
        "export.relion",
    ];
    let (found, expected) = (results(live, &all), results(offline, &all));
    assert!(expected.len() > 8, "{:?}", expected.keys());
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{name} differs");
    }
    // In the project of the session the same run has nothing to do.
    let list = r#"mdocs=["incoming/TS_01.mrc.mdoc","incoming/TS_02.mrc.mdoc"]"#;
    let again = json(live, &[&words[..], &["--var", list, "--json"]].concat());
    for step in again["steps"].as_array().unwrap() {
        assert_eq!(step["already_done"], true, "{}", step["step"]);
    }
}
