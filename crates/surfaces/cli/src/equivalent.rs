//! The command that does the same as a request from elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;
use thon_contract::AnyJob;
use thon_contract::schema::FieldType;
use thon_engine::Source;

use crate::arguments::flag_of;
use crate::parameters::changed;

/// The words of `thon run JOB …` for completed parameters: only what differs from the defaults is said.
pub fn run_words(
    job: &dyn AnyJob,
    parameters: &Value,
    inputs: &BTreeMap<String, Source>,
    title: &str,
) -> Vec<String> {
    let mut words: Vec<String> = vec!["thon".into(), "run".into(), job.id().into()];
    for (slot, source) in inputs {
        let filled = match source {
            Source::Job { job, slot } => vec![format!("{}.{slot}", job.0)],
            Source::Files(files) => files.iter().map(|f| f.display().to_string()).collect(),
        };
        for value in filled {
            words.extend(["--input".into(), format!("{slot}={value}")]);
        }
    }
    if !title.is_empty() && title != job.summary() {
        words.push(format!("--title={title}"));
    }
    for (field, value) in changed(job, parameters) {
        let text = match (&field.kind, &value) {
            (_, Value::Null) => "none".into(),
            (FieldType::Text, Value::String(text)) => text.clone(),
            (_, value) => value.to_string(),
        };
        words.push(format!("--{}={text}", flag_of(&field)));
    }
    words
}

/// Words as one line for a POSIX shell: what is not plain is quoted.
pub fn shell_line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_back() {
        let words: Vec<String> = [
            "plain",
            "",
            "two words",
            "it's",
            "$(rm x)",
            "a\nb",
            "`x`",
            "\\",
            "-e",
            "ä",
        ]
        .map(str::to_owned)
        .to_vec();
        let line = format!("printf '%s\\0' {}", shell_line(&words));
        let output = std::process::Command::new("sh")
            .args(["-c", &line])
            .output()
            .unwrap();
        let read: Vec<String> = String::from_utf8(output.stdout)
            .unwrap()
            .split_terminator('\0')
            .map(str::to_owned)
            .collect();
        assert_eq!(read, words);
    }
}
