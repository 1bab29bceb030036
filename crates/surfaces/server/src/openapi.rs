//! The OpenAPI document, made from the table of routes.

use serde_json::{Map, Value, json};

use crate::call::{Answer, Answered, Call};
use crate::routes::{Gives, Method, ROUTES, Route};
use crate::server::Server;

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let place = paths.entry(route.path).or_insert_with(|| json!({}));
        place[method] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "thon", "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "token": [] }],
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "paths": paths,
    })
}

fn operation(route: &Route) -> Value {
    let named = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = named.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let in_query = route.query.iter().map(|query| {
        json!({ "name": query.name, "in": "query", "description": query.doc, "schema": { "type": "string" } })
    });
    let content = match route.gives {
        Gives::Json(schema) => json!({ "application/json": { "schema": schema() } }),
        Gives::Binary(kind) => {
            json!({ kind: { "schema": { "type": "string", "format": "binary" } } })
        }
    };
    let mut document = json!({
        "summary": route.doc,
        "x-role": route.role,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": { "description": "What was asked", "content": content },
            "default": { "description": "No, and why" },
        },
    });
    if let Some(schema) = route.takes {
        document["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema() } } });
    }
    document
}

/// The document, as an answer.
pub(crate) fn answer(_: &Server, _: &Call) -> Answered {
    Answer::json(&document())
}
