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

For `thon watch`, [[quality]] names a column of the table of an acquisition: a number that a step tells of each series.

  [[quality]]
  name = \"residual (Å)\"
  step = \"alignment\"
  metric = \"mean residual (Å)\"
  most = 10.0                          # beyond is an alarm; `least` likewise
";

const EXECUTORS: &str = "\
Where the queue runs jobs stands in `executors.toml` of the project; without it there is this machine:

  [[executor]]
  name = \"here\"
  kind = \"local\"
  cores = 16                           # in all [default: those of the machine]
  memory = \"64G\"                     # in all [default: 3/4 of the machine's]
  cores_per_job = 8                    # [default: half of all]

  [[executor]]
  name = \"cluster\"                   # `thon start 7 --on cluster`
  kind = \"slurm\"
  partition = \"cpu\"
  account = \"em\"
  minutes = 600                        # a job that needs longer goes on in the next attempt
  modules = [\"thon\"]
  directives = [\"--qos=long\"]
  tasks = 32                           # array tasks of a job over items, at most
  template = \"submit.sh\"             # instead: a script of RELION (XXXcommandXXX) or cryoSPARC
                                       # ({{ run_cmd }}) as it is; `extra` is for XXXextra1XXX

`reserve = \"20G\"` before the first executor is what stays free on the disk.

Items run as tasks of an array. A job with `--processes N` runs as N tasks of one allocation.
Jobs go on when `thon work` or `thon serve` ends; `thon history JOB` tells what became of one.
";

const PLUGINS: &str = "\
A plug-in is a TOML manifest that makes a job of an external program. thon comes with some; your own lie
in ~/.config/thon/plugins (or where THON_PLUGINS says). Manifests in a project are never run.

  id = \"relion.mask-create\"
  summary = \"Make a mask from a map with RELION\"
  methods = \"A mask was made at {threshold}.\"

  [program]
  name = \"relion_mask_create\"
  fails_when_it_says = [\"ERROR:\"]    # whatever its exit code

  [[input]]
  name = \"map\"
  kind = \"map\"                       # map or mask
  file = \"input.mrc\"                 # where the program finds it

  [[parameter]]
  name = \"threshold\"
  type = \"number\"                    # integer, number, boolean, text
  default = 0.02
  help = \"Density above which the mask is one\"

  [[argument]]
  words = [\"--i\", \"input.mrc\", \"--o\", \"mask.mrc\", \"--ini_threshold\", \"{threshold}\"]

  [[output]]
  name = \"mask\"
  kind = \"mask\"                      # map, mask or files
  file = \"mask.mrc\"
  check = { same_box_as = \"map\", values = [0.0, 1.0], sections_may_be_constant = true }

Every output must be fresh, whole, finite and not constant, or the job fails with the reason.

Other objects cross by jobs of the catalogue: an export writes them below the directory `file`, an import makes
an object of what the program wrote. {item} is the item, {work} the program's directory, {count:3} three digits:

  [[input]]
  name = \"particles\"
  kind = \"particles\"
  file = \"staged\"
  stage = { job = \"export.relion\" }

  [[output]]
  name = \"particles\"
  kind = \"particles\"
  file = \"out/run_data.star\"
  adopt = { job = \"import.relion-particles\", parameters = { file = \"{work}/out/run_data.star\" } }
  check = { star_columns = [\"rlnAngleRot\"], same_rows_as = \"staged/relion/particles.star\" }

`answers` are the lines that a program asks for on its standard input, `before` and `after` other programs around it.
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
    let pipelines = session.application.pipelines;
    if let Some((.., text)) = pipelines.iter().find(|(name, ..)| name == topic) {
        terminal.print(text);
        return Ok(Exit::Ok);
    }
    match topic.as_str() {
        "exit-codes" => exit_codes(session),
        "pipelines" => {
            terminal.print(PIPELINES);
            for (name, about, _) in session.application.pipelines {
                terminal.print(&format!("\n{about}:\n\n  thon help {name} > {name}.toml\n"));
            }
        }
        "executors" => terminal.print(EXECUTORS),
        "plugins" => terminal.print(PLUGINS),
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
