//! The server over a small project: who is let in, what is answered, what hostile names and paths can do.
#![expect(clippy::unwrap_used, reason = "helper functions of tests")]

mod access;
mod curations;
mod hostile;
mod picking;
mod results;
mod several;
mod toy;
