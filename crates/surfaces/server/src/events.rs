//! Server-sent events: which jobs changed, as they do.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::jobs::Summary;
use crate::server::Server;

/// How often the project is looked at while somebody listens.
const LOOK: Duration = Duration::from_millis(700);
/// A listener hears something at least this often, so that dead connections are noticed.
const BEAT: Duration = Duration::from_secs(15);

/// The jobs that changed at one look.
pub(crate) type Changes = Arc<Vec<Summary>>;

/// Looks at the project for as long as the server lives, but only while somebody listens.
pub(crate) fn watch(server: &Arc<Server>) {
    let server = Arc::downgrade(server);
    std::thread::spawn(move || {
        while let Some(server) = server.upgrade() {
            if server.changes.receiver_count() > 0 {
                match server.look() {
                    Ok((_, changed)) if !changed.is_empty() => {
                        // Nobody may have been listening any more.
                        let _ = server.changes.send(Arc::new(changed));
                    }
                    Ok(_) => {}
                    Err(refusal) => tracing::warn!("the project cannot be read: {}", refusal.error),
                }
            }
            drop(server);
            std::thread::sleep(LOOK);
        }
    });
}

/// The stream of one listener: `jobs` with those that changed, `again` when some changes were missed.
pub(crate) fn body(changes: broadcast::Receiver<Changes>) -> Body {
    let first = Some("retry: 2000\nevent: again\ndata: {}\n\n".to_owned());
    let lines = stream::unfold((changes, first), |(mut changes, first)| async move {
        if let Some(text) = first {
            return Some((Ok::<_, Infallible>(text), (changes, None)));
        }
        let text = match tokio::time::timeout(BEAT, changes.recv()).await {
            Err(_) => ": beat\n\n".to_owned(),
            Ok(Err(RecvError::Closed)) => return None,
            Ok(Err(RecvError::Lagged(_))) => "event: again\ndata: {}\n\n".to_owned(),
            Ok(Ok(jobs)) => {
                let json = serde_json::to_string(&*jobs).unwrap_or_else(|_| "[]".into());
                format!("event: jobs\ndata: {json}\n\n")
            }
        };
        Some((Ok(text), (changes, None)))
    });
    Body::from_stream(lines)
}
