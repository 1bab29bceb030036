//! `thon help [TOPIC]`: the first page, a command, a job's manual, a topic.

use clap::ArgMatches;
use serde_json::{Value, json};

use crate::exit::{Exit, Outcome};
use crate::{Session, arguments, manual};

const PIPELINES: &str = "\
A pipeline is a TOML file of jobs and how they feed each other:

  name = \"first-light\"

  [variables]                          # `--var data=DIR` overrides
  data = \"../data\"

  [[step]]
  name = \"import\"
  job = \"JOB\"                          # as listed by `thon jobs`
  parameters = { mdoc = \"${data}/*.mdoc\" }

  [[step]]
  name = \"reconstruct\"
  job = \"JOB\"
  inputs = { tilt_series = \"import.tilt_series\" }

An input is STEP.SLOT of an earlier step, a file, or a list of files. Relative paths start at the
project directory. `thon run FILE.toml` runs it inside a project. Running it again uses the jobs that
are done, takes up those that stopped, and makes new ones where the request changed; items whose
work is known are not computed again.
";

pub(super) fn help(session: &Session, matches: &ArgMatches) -> Outcome {
    let terminal = &session.terminal;
    let mut root = arguments::command(&session.application, &[]);
    let Some(topic) = matches.get_one::<String>("TOPIC") else {
        terminal.print(&root.render_long_help().to_string());
        return Ok(Exit::Ok);
    };
    if let Some(job) = session
        .application
        .catalogue
        .jobs()
        .find(|job| job.id() == topic)
    {
        if terminal.json {
            terminal.json(&manual::document(job));
        } else {
            terminal.print(&manual::page(job, terminal.measure(), terminal.paint()));
        }
        return Ok(Exit::Ok);
    }
    match topic.as_str() {
        "exit-codes" => exit_codes(session),
        "pipelines" => terminal.print(PIPELINES),
        name => {
            root.build();
            let Some(command) = root.find_subcommand_mut(name) else {
                let near = arguments::unknown_job(&session.application, name);
                return Err(crate::Failure {
                    text: near
                        .text
                        .replace("there is no job", "there is no command, job or topic"),
                    ..near
                });
            };
            terminal.print(&command.render_help().to_string());
        }
    }
    Ok(Exit::Ok)
}

fn exit_codes(session: &Session) {
    if session.terminal.json {
        let all: Vec<Value> = Exit::ALL
            .iter()
            .map(|exit| json!({ "code": exit.code(), "meaning": exit.meaning() }))
            .collect();
        session.terminal.json(&Value::Array(all));
        return;
    }
    for exit in Exit::ALL {
        session
            .terminal
            .line(&format!("{}  {}", exit.code(), exit.meaning()));
    }
}
