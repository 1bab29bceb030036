//! A request as handlers see it, and what they answer.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::Role;
use crate::failure::Refusal;

/// A request that was let in.
pub(crate) struct Call {
    /// Of whoever asks.
    pub(crate) role: Role,
    /// The parts of the path that stand for something.
    pub(crate) path: BTreeMap<String, String>,
    /// What follows the question mark.
    pub(crate) query: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The tags of what the browser has already.
    pub(crate) known: Option<String>,
}

/// What a handler answers.
pub(crate) struct Answer {
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
    /// Tag of content that never changes.
    pub(crate) tag: Option<String>,
    /// Name to save it under; such files are never shown in place.
    pub(crate) attachment: Option<String>,
    /// The browser has it already.
    pub(crate) unchanged: bool,
}

/// What handlers return.
pub(crate) type Answered = Result<Answer, Refusal>;

impl Answer {
    fn of(kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            kind,
            body,
            tag: None,
            attachment: None,
            unchanged: false,
        }
    }

    /// A document.
    pub(crate) fn json<T: Serialize>(value: &T) -> Answered {
        let body = serde_json::to_vec(value).map_err(Refusal::internal)?;
        Ok(Self::of("application/json", body))
    }

    /// Text that is JSON already.
    pub(crate) fn json_text(body: Vec<u8>) -> Self {
        Self::of("application/json", body)
    }

    /// Numbers, see [`crate::volumes`].
    pub(crate) fn binary(body: Vec<u8>) -> Self {
        Self::of("application/octet-stream", body)
    }

    /// A picture.
    pub(crate) fn png(body: Vec<u8>) -> Self {
        Self::of("image/png", body)
    }

    /// A file to save.
    pub(crate) fn file(name: String, body: Vec<u8>) -> Self {
        Self {
            attachment: Some(name),
            ..Self::binary(body)
        }
    }

    /// The same, never changing.
    pub(crate) fn tagged(self, tag: String) -> Self {
        Self {
            tag: Some(tag),
            ..self
        }
    }
}

impl Call {
    /// A number in the path.
    pub(crate) fn number(&self, name: &str) -> Result<u32, Refusal> {
        let text = self.path.get(name).map_or("", String::as_str);
        text.parse()
            .map_err(|_| Refusal::bad(format!("expected a number as {name}, found \"{text}\"")))
    }

    /// A word in the path.
    pub(crate) fn word(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A number after the question mark.
    pub(crate) fn asked(&self, name: &str, otherwise: usize) -> Result<usize, Refusal> {
        match self.query.get(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| {
                Refusal::bad(format!(
                    "expected a whole number as {name}, found \"{text}\""
                ))
            }),
        }
    }

    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|e| Refusal::bad(format!("the body: {e}")))
    }

    /// The tag of content with this digest under this request; `Err` is an answer: the browser has it already.
    pub(crate) fn tag(&self, digest: &str) -> Result<String, Answer> {
        let identity = serde_json::json!([digest, self.path, self.query]);
        let tag = format!(
            "\"{}\"",
            &blake3::hash(identity.to_string().as_bytes()).to_hex()[..32]
        );
        if self
            .known
            .as_deref()
            .is_some_and(|known| known.contains(&tag))
        {
            let unchanged = Answer {
                unchanged: true,
                ..Answer::binary(Vec::new())
            };
            return Err(unchanged.tagged(tag));
        }
        Ok(tag)
    }
}
