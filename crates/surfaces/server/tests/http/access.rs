//! Every route of the table, asked in every wrong way: a new route is covered without a new test.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use thon_server::{Method, ROUTES, Role, Route};

use crate::toy::Place;

/// An address of the route, with every part that stands for something filled.
fn address(route: &Route) -> String {
    let filled = route.path.split('/').map(|part| match part {
        "{slot}" => "map",
        "{operation}" => "toy.make-map",
        "{item}" | "{file}" => "0",
        part if part.starts_with('{') => "1",
        part => part,
    });
    filled.collect::<Vec<_>>().join("/")
}

fn method(route: &Route) -> &'static str {
    match route.method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

fn right(place: &Place, route: &Route) -> Request<Body> {
    place.request(method(route), &address(route), Role::Owner, "{}")
}

fn set(mut request: Request<Body>, name: &'static str, value: Option<&str>) -> Request<Body> {
    request.headers_mut().remove(name);
    if let Some(value) = value {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// The ways to be refused, with the status each must give.
fn forgeries(place: &Place, route: &Route) -> Vec<(String, Request<Body>, u16)> {
    let mut all = Vec::new();
    let bearer = |token: &str| format!("Bearer {token}");
    let owner = place.tokens.of(Role::Owner).to_owned();
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer ".into()),
        Some(bearer("0")),
        Some(bearer(&owner[1..])),
        Some(bearer(&format!("{owner}0"))),
        Some(bearer(&owner.to_uppercase())),
        Some(owner.clone()),
        Some(format!("Basic {owner}")),
        Some(bearer(thon_server::Tokens::random().of(Role::Owner))),
    ];
    for token in wrong {
        let request = set(right(place, route), "authorization", token.as_deref());
        all.push((format!("token {token:?}"), request, 401));
    }
    let hosts = [
        None,
        Some("evil.example"),
        Some("evil.example:8470"),
        Some("localhost.evil.example:8470"),
        Some("localhost."),
        Some("LOCALHOST:8470"),
        Some("127.0.0.2:8470"),
        Some("0.0.0.0:8470"),
        Some("[::2]:8470"),
        Some("localhost:0"),
        Some("localhost:99999"),
        Some(""),
    ];
    for host in hosts {
        all.push((
            format!("host {host:?}"),
            set(right(place, route), "host", host),
            421,
        ));
    }
    for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
        let request = set(right(place, route), "sec-fetch-site", Some(site));
        all.push((format!("site {site}"), request, 403));
    }
    for origin in [
        "http://evil.example",
        "null",
        "http://localhost:1",
        "https://localhost:8470",
    ] {
        let request = set(right(place, route), "origin", Some(origin));
        all.push((format!("origin {origin}"), request, 403));
    }
    for role in Role::ALL.into_iter().filter(|role| *role < route.role) {
        let request = place.request(method(route), &address(route), role, "{}");
        all.push((format!("role {role:?}"), request, 403));
    }
    if route.method == Method::Post {
        let forms = [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
        ];
        for form in forms {
            let request = set(right(place, route), "content-type", form);
            all.push((format!("body {form:?}"), request, 415));
        }
    }
    all
}

#[tokio::test]
async fn every_route_refuses_whoever_must_not_ask() {
    let place = Place::new();
    let mut asked = 0;
    for route in ROUTES {
        for (what, request, expected) in forgeries(&place, route) {
            let (status, headers, body) = place.send(request).await;
            let body = String::from_utf8_lossy(&body);
            assert_eq!(
                status.as_u16(),
                expected,
                "{} with {what}: {body}",
                route.path
            );
            // A refusal says nothing of the project.
            assert!(
                !body.contains("map") || route.path.contains("map"),
                "{body}"
            );
            check_headers(&headers);
            asked += 1;
        }
    }
    assert!(asked > 25 * ROUTES.len(), "{asked}");
    let (_, graph) = place.get("/api/graph").await;
    assert_eq!(
        graph["jobs"].as_array().unwrap().len(),
        1,
        "something was changed"
    );
}

#[tokio::test]
async fn every_route_answers_whoever_may_ask() {
    let place = Place::new();
    for route in ROUTES {
        for role in Role::ALL.into_iter().filter(|role| *role >= route.role) {
            let request = place.request(method(route), &address(route), role, "{}");
            let (status, headers, _) = place.send(request).await;
            let refusals =
                [401, 403, 404, 405, 415, 421, 500].map(|s| StatusCode::from_u16(s).unwrap());
            // The only result of the toy project is a map, which is neither a series, a picture nor particles.
            assert!(
                !refusals.contains(&status),
                "{} as {role:?}: {status}",
                route.path
            );
            check_headers(&headers);
        }
    }
}

fn check_headers(headers: &axum::http::HeaderMap) {
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
    for name in headers.keys() {
        let name = name.as_str();
        assert!(
            !name.starts_with("access-control-") && name != "set-cookie",
            "{name}"
        );
    }
}

#[tokio::test]
async fn there_is_nothing_beside_the_table() {
    let place = Place::new();
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/graph/",
        "/api/jobs",
        "/../project.toml",
        "/assets/../project.toml",
    ] {
        let request = place.request("GET", path, Role::Owner, "");
        let (status, headers, body) = place.send(request).await;
        assert!([404, 405].contains(&status.as_u16()), "{path}: {status}");
        assert!(!String::from_utf8_lossy(&body).contains("uuid"));
        check_headers(&headers);
    }
    for wrong in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let (status, _, _) = place
            .send(place.request(wrong, "/api/graph", Role::Owner, ""))
            .await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{wrong}");
    }
    let (status, headers, _) = place
        .send(place.request("GET", "/", Role::Viewer, ""))
        .await;
    assert_eq!(status, StatusCode::OK);
    check_headers(&headers);
}

#[tokio::test]
async fn the_document_names_every_route() {
    let document = thon_server::document();
    for route in ROUTES {
        let place = &document["paths"][route.path][method(route).to_lowercase()];
        assert_eq!(place["summary"], route.doc);
        assert!(!route.doc.is_empty());
    }
    let (status, served) = Place::new().get("/api/openapi.json").await;
    assert_eq!((status, served), (StatusCode::OK, document));
}
