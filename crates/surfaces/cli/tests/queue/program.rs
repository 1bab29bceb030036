//! The program over the toy jobs, its processes, and what it leaves in a project.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A project for one test.
pub struct Place {
    directory: tempfile::TempDir,
    toy: PathBuf,
    elsewhere: Option<PathBuf>,
}

impl Place {
    /// A new project with this executor.
    pub fn new(executor: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // A copy, so that building the program meanwhile does not change what is tested.
        let toy = directory.path().join("toy");
        let test = std::env::current_exe().unwrap();
        let built = test
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("examples/toy");
        let copied = fs::copy(&built, &toy);
        assert!(
            copied.is_ok(),
            "build it first: cargo build -p thon-cli --example toy"
        );
        let place = Self {
            directory,
            toy,
            elsewhere: None,
        };
        let new = || {
            Command::new(&place.toy)
                .arg("new")
                .arg(place.path())
                .output()
        };
        // Another test's new process may hold the copy open for a moment.
        let made = (0..100).find_map(|_| match new() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(20));
                None
            }
            answer => Some(answer.unwrap()),
        });
        let made = made.unwrap();
        assert!(made.status.success(), "{made:?}");
        let text = format!("[[executor]]\nname = \"here\"\n{executor}");
        fs::write(place.path().join("executors.toml"), text).unwrap();
        place
    }

    /// The project.
    pub fn path(&self) -> PathBuf {
        let elsewhere = self.elsewhere.clone();
        elsewhere.unwrap_or_else(|| self.directory.path().join("project"))
    }

    /// The same program on a project elsewhere.
    pub fn at(&self, project: PathBuf) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            toy: self.toy.clone(),
            elsewhere: Some(project),
        }
    }

    /// Runs a command to its end in a shell, after something that limits it.
    pub fn run_within(&self, limit: &str, words: &[&str]) -> Output {
        let text = format!(
            "{limit}; exec {} --quiet --project {} {}",
            self.toy.display(),
            self.path().display(),
            words.join(" ")
        );
        Command::new("sh").args(["-c", &text]).output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.toy);
        command
            .arg("--quiet")
            .arg("--project")
            .arg(self.path())
            .args(words);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The output of a command that must succeed.
    pub fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert!(ran.status.success(), "{words:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Starts a command.
    pub fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// The contents of all results, by path: manifests and units.
    pub fn results(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut results = BTreeMap::new();
        let mut open = vec![self.path().join("jobs")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !name.starts_with("attempt-") {
                    open.push(path);
                } else if path.is_file() && name != "job.json" && name != "history.jsonl" {
                    let below = path.strip_prefix(self.path()).unwrap().to_path_buf();
                    results.insert(below, fs::read(&path).unwrap());
                }
            }
        }
        results
    }

    /// Number of attempts of all jobs.
    pub fn attempts(&self) -> usize {
        let jobs = fs::read_dir(self.path().join("jobs")).unwrap();
        let inside = jobs.flat_map(|job| fs::read_dir(job.unwrap().path()).unwrap());
        let names = inside.map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("attempt-"))
            .count()
    }
}

/// Processes at work on a project by the name of their command.
pub fn processes(project: impl AsRef<Path>, name: &str) -> Vec<u32> {
    let project = project.as_ref().display().to_string();
    let entries = fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is = |number: &u32| {
        let command = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
        words.contains(&project.as_bytes()) && words.contains(&name.as_bytes())
    };
    numbers.filter(is).collect()
}

/// `kill -9`.
pub fn kill(number: u32) -> bool {
    let killed = Command::new("kill")
        .args(["-9", &number.to_string()])
        .stderr(Stdio::null())
        .status();
    killed.unwrap().success()
}
