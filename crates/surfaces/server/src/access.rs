//! Who may ask: roles, tokens, and where a request comes from.
//!
//! A token is 244 random bits, given out once, in the fragment of the page's address, which browsers send to nobody. It
//! comes back in a header that no other page can set, so there is nothing for a forged request to ride on. `Host` must be
//! a name of this machine's loopback, against names that were rebound to it.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Refusal;

/// What somebody may do; each role may do what those before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Make, run and cancel jobs.
    Editor,
    /// Give access to others.
    Owner,
}

impl Role {
    /// All, from the least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];
}

/// One token per role, for as long as the server runs.
#[derive(Clone)]
pub struct Tokens {
    tokens: [(Role, String); 3],
}

impl Tokens {
    /// New random tokens.
    pub fn random() -> Self {
        let token = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            tokens: Role::ALL.map(|role| (role, token())),
        }
    }

    /// The token of a role.
    pub fn of(&self, role: Role) -> &str {
        let [viewer, editor, owner] = &self.tokens;
        match role {
            Role::Viewer => &viewer.1,
            Role::Editor => &editor.1,
            Role::Owner => &owner.1,
        }
    }

    /// The role of a token; takes equally long whatever is wrong with it.
    fn role(&self, given: &str) -> Option<Role> {
        let given = blake3::hash(given.as_bytes());
        let mut found = None;
        for (role, token) in &self.tokens {
            // Hashes compare in constant time.
            if blake3::hash(token.as_bytes()) == given {
                found = Some(*role);
            }
        }
        found
    }
}

fn text(headers: &HeaderMap, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether `Host` names this machine's loopback, with any port: a tunnel may end at another one.
pub(crate) fn is_local(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let known = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
    known && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Refuses requests to another name than this machine's.
pub(crate) fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (
        hosts.next().and_then(|host| host.to_str().ok()),
        hosts.next(),
    ) {
        (Some(host), None) if is_local(host) => Ok(()),
        _ => Err(Refusal::new(
            421,
            "this server answers to localhost only\nhint: open it as http://localhost:PORT, through an ssh tunnel from elsewhere",
        )),
    }
}

/// Refuses requests that another site's page makes.
pub(crate) fn check_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = || Refusal::new(403, "the request comes from another site");
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(refused());
    }
    match (headers.get(ORIGIN), text(headers, HOST)) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.as_bytes() == format!("http://{host}").as_bytes() => {
            Ok(())
        }
        _ => Err(refused()),
    }
}

/// The role of whoever asks.
pub(crate) fn check_token(headers: &HeaderMap, tokens: &Tokens) -> Result<Role, Refusal> {
    let given = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    given.and_then(|given| tokens.role(given)).ok_or_else(|| {
        Refusal::new(
            401,
            "the link is missing or from an earlier start of the server\nhint: open the address that `thon serve` printed",
        )
    })
}

/// Refuses a role that may not.
pub(crate) fn check_role(role: Role, needed: Role) -> Result<(), Refusal> {
    if role >= needed {
        return Ok(());
    }
    let may = match needed {
        Role::Viewer => "anybody with a link",
        Role::Editor => "an editor",
        Role::Owner => "the owner",
    };
    Err(Refusal::new(
        403,
        format!("this is for {may} of the project"),
    ))
}

/// Refuses bodies that a simple form could send.
pub(crate) fn check_body_kind(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, CONTENT_TYPE) {
        Some("application/json") => Ok(()),
        _ => Err(Refusal::new(
            415,
            "expected a body of type application/json",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_local() {
        for host in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:1",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "localhost:",
            "localhost:0",
            "localhost:99999",
            "localhost.",
            "LOCALHOST:1",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io:8080",
            "[::2]:80",
            "localhost:80:80",
            "localhost@evil:1",
            "127.1:80",
            "0.0.0.0:80",
            "localhost:+1 ",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn tokens_tell_roles_apart() {
        let tokens = Tokens::random();
        for role in Role::ALL {
            assert_eq!(tokens.role(tokens.of(role)), Some(role));
            assert!(tokens.of(role).len() == 64);
        }
        assert_eq!(tokens.role(""), None);
        assert_eq!(tokens.role(Tokens::random().of(Role::Owner)), None);
    }
}
