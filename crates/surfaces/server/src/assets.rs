//! The page itself: built from `web/`, held in the binary. It is the same for everybody and holds no data.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Names and contents of the page's files, written by `build.rs`.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Why the binary holds no page; empty when it does.
pub(crate) const MISSING: &str = env!("THON_PAGE_MISSING");

/// A file of the page; the page itself for its own addresses.
pub(crate) async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path };
    match FILES.iter().find(|(known, _)| *known == name) {
        Some((_, file)) => {
            let forever = name.starts_with("assets/");
            let cache = if forever {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            };
            let kind = match name.rsplit('.').next().unwrap_or_default() {
                "html" => "text/html; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                "woff2" => "font/woff2",
                _ => "application/octet-stream",
            };
            (
                [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)],
                *file,
            )
                .into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is nothing here").into_response(),
    }
}
