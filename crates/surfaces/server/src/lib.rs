//! The page: project, forms and viewers over HTTP, to this machine only.
//!
//! `app` hands in the catalogue; no job is named here. One table ([`routes::ROUTES`]) says what can be asked, by whom and
//! in what form; the router, the OpenAPI document and the test of who is let in are all made from it. Nothing is written
//! to the project but through the engine, and jobs are run by the same binary as processes of their own, which outlive
//! the server. Everything here blocks and runs on threads of its own; only the border to the network is asynchronous.

mod access;
mod assets;
mod call;
mod commands;
mod curations;
mod detail;
mod events;
mod exposure;
mod failure;
mod http;
mod jobs;
mod launcher;
mod log;
mod objects;
mod openapi;
mod operations;
mod particles;
mod picker;
mod pipelines;
mod progress;
mod queueing;
mod readings;
mod routes;
mod server;
mod session;
mod start;
mod volumes;

pub use access::{Role, Tokens};
pub use failure::ServerError;
pub use http::router;
pub use openapi::document;
pub use routes::{Method, ROUTES, Route};
pub use server::{Server, Settings};
pub use start::serve;
