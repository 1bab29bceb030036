//! Starts the server and serves until it is told to stop.

use std::net::Ipv4Addr;

use thon_cli::ServeRequest;
use tokio::net::TcpListener;

use crate::access::{Role, Tokens};
use crate::failure::ServerError;
use crate::server::{Server, Settings};
use crate::{assets, events, http};

/// Serves a project on this machine's loopback interface until Ctrl-C or SIGTERM.
///
/// # Errors
/// The project cannot be opened, the port is taken, or the binary holds no page; in words.
pub fn serve(request: &ServeRequest<'_>) -> Result<(), String> {
    serving(request).map_err(|error| error.to_string())
}

fn serving(request: &ServeRequest<'_>) -> Result<(), ServerError> {
    if !assets::MISSING.is_empty() {
        return Err(ServerError::NoPage(assets::MISSING));
    }
    let settings = Settings {
        version: request.version,
        catalogue: request.catalogue,
        project: request.project.clone(),
        program: std::env::current_exe()?,
        flags: request.flags.clone(),
        memory: request.memory,
        roots: request.roots.clone(),
        resume: true,
    };
    let tokens = Tokens::random();
    let server = Server::open(settings, tokens.clone())?;
    events::watch(&server);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, request.port)).await;
        let listener = listener.map_err(|source| ServerError::Listen {
            port: request.port,
            source,
        })?;
        let port = listener.local_addr()?.port();
        let link = |role: Role| format!("http://localhost:{port}/#{}", tokens.of(role));
        (request.ready)(&[
            ("owner", link(Role::Owner)),
            ("editor", link(Role::Editor)),
            ("viewer", link(Role::Viewer)),
        ]);
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        // Streams of events have no end of their own, so nothing is waited for.
        tokio::select! {
            ended = axum::serve(listener, http::router(server)) => ended?,
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}
