//! Asks a command of the cluster, and does not wait for ever.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a command answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Exit code 0, with its output.
    Ok(String),
    /// Another exit code, with its errors.
    Failed(String),
    /// It could not be started or did not end.
    Silent,
}

/// Runs a command on an input.
pub(super) fn ask(program: &Path, words: &[&str], input: &str) -> Answer {
    let started = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!("{}: {error}", program.display());
            return Answer::Silent;
        }
    };
    let mut stdin = child.stdin.take();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let read = |from: Option<&mut dyn std::io::Read>| {
        let mut bytes = Vec::new();
        if let Some(from) = from {
            let _ = from.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin.take() {
                let _ = stdin.write_all(input.as_bytes());
            }
        });
        let out = scope.spawn(move || read(stdout.as_mut().map(|from| from as _)));
        let err = scope.spawn(move || {
            let mut bytes = Vec::new();
            if let Some(from) = stderr.as_mut() {
                let _ = from.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let began = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break None;
                }
            }
        };
        let (out, err) = (
            out.join().unwrap_or_default(),
            err.join().unwrap_or_default(),
        );
        match status {
            Some(status) if status.success() => Answer::Ok(out),
            Some(_) => Answer::Failed(err.trim().to_owned()),
            None => Answer::Silent,
        }
    })
}
