//! From the table of routes to HTTP: who is let in, what is sent with every answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use crate::access::{check_body_kind, check_host, check_role, check_site, check_token};
use crate::call::{Answer, Call};
use crate::failure::Refusal;
use crate::routes::{Handler, Method, ROUTES, Route};
use crate::server::Server;
use crate::{assets, events};

/// Largest body.
const BODY: usize = 1 << 20;

/// Sent with everything: nothing may be loaded from elsewhere, nothing inline may run, nobody may frame or embed it.
const ALWAYS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=()",
    ),
];

/// The router over a server.
pub fn router(server: Arc<Server>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let handler = move |State(server): State<Arc<Server>>,
                            path: RawPathParams,
                            request: Request| async move {
            let path = path
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            match asked(server, route, path, request).await {
                Ok(response) => response,
                Err(refusal) => refused(&refusal),
            }
        };
        router = router.route(route.path, on(filter, handler));
    }
    let router = router.fallback(assets::serve).layer(from_fn(everywhere));
    router.with_state(server)
}

/// What holds for every request and every answer.
async fn everywhere(request: Request, next: Next) -> Response {
    let mut response = match check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(&refusal),
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Lets a request in, or not, and has it answered.
async fn asked(
    server: Arc<Server>,
    route: &'static Route,
    path: BTreeMap<String, String>,
    request: Request,
) -> Result<Response, Refusal> {
    check_site(request.headers())?;
    let role = check_token(request.headers(), &server.tokens)?;
    check_role(role, route.role)?;
    if route.method == Method::Post {
        check_body_kind(request.headers())?;
    }
    let handle = match route.handler {
        Handler::Events => return Ok(stream(&server)),
        Handler::Plain(handle) => handle,
    };
    let Query(query) = Query::<BTreeMap<String, String>>::try_from_uri(request.uri())
        .map_err(|e| Refusal::bad(e.to_string()))?;
    let known = request.headers().get(header::IF_NONE_MATCH);
    let known = known.and_then(|tags| tags.to_str().ok()).map(str::to_owned);
    let body = axum::body::to_bytes(request.into_body(), BODY)
        .await
        .map_err(|_| Refusal::new(413, "the body is too large"))?;
    let call = Call {
        role,
        path,
        query,
        body: body.to_vec(),
        known,
    };
    let answer = tokio::task::spawn_blocking(move || handle(&server, &call)).await;
    answer
        .unwrap_or_else(|_| Err(Refusal::internal("the server met an error in itself")))
        .map(answered)
}

fn stream(server: &Server) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, events::body(server.changes.subscribe())).into_response()
}

fn answered(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    if answer.unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.kind));
    // The address of a result says its job; tags tell results of different projects apart.
    let cache = if answer.tag.is_some() {
        "private, no-cache"
    } else {
        "no-store"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(tag) = answer.tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(name) = answer.attachment {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = name.chars().map(plain).collect();
        let value = format!("attachment; filename=\"{name}\"");
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        // Whatever it is, it must not run as a page of this server.
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        );
    }
    response
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(refusal).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
