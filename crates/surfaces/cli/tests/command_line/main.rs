//! The command line as a person or a script meets it, over three toy jobs.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod curate;
mod demonstration;
mod graph;
mod help;
mod messages;
mod projects;
mod runs;
mod shell;
mod toy;
