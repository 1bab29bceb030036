//! `thon work`: turns the queue of the project.

use std::time::Duration;

use clap::ArgMatches;
use serde_json::{Value, json};
use thon_engine::Silent;
use thon_engine::machine::Phase;
use thon_engine::queue::{Configuration, Queue};

use super::run::engine;
use crate::exit::{Exit, Outcome};
use crate::interrupt::Interrupt;
use crate::{Session, place};

/// Time between two turns.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn work(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open(session)?;
    let interrupt = Interrupt::install()?;
    let configuration = Configuration::read(project.root())?;
    let engine = engine(session, &project, &Silent, session.settings);
    let mut queue = Queue::open(engine, configuration)?;
    let forever = matches.get_flag("forever");
    let terminal = &session.terminal;
    let mut ends: Vec<Value> = Vec::new();
    let (mut failed, mut paused) = (false, None);
    loop {
        let busy = queue.turn()?;
        for (job, phase, evidence) in queue.take_changes() {
            if phase.is_final() {
                failed |= phase == Phase::Failed;
                ends.push(json!({ "job": job, "state": phase.word(), "evidence": evidence }));
            }
            terminal.note(&format!("{job} {}: {evidence}", phase.word()));
        }
        let why = queue.paused().map(str::to_owned);
        if why != paused {
            let words = why.as_ref().map_or_else(
                || "there is room again, the queue goes on".to_owned(),
                |why| format!("{why}: nothing new is started until there is room"),
            );
            terminal.warn(&words);
            paused = why;
        }
        if interrupt.asked() || !(busy || forever) {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    if terminal.json {
        terminal.json(&Value::Array(ends));
    }
    if interrupt.asked() {
        terminal.note("jobs that run go on; `thon work` takes them up again");
        return Ok(Exit::Cancelled);
    }
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}
