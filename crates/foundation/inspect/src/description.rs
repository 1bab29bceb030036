//! The answer: kind, one line, ordered facts, doubts.
use serde::Serialize;
use serde_json::{Map, Value};

use crate::kind::Kind;

/// What a file is and holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// File name as given.
    pub file: String,
    /// What it is.
    pub kind: Kind,
    /// One line for people.
    pub summary: String,
    /// Figures and words by key, in the order of importance. Lengths in Å, angles in degrees.
    pub facts: Facts,
    /// What looks odd, each in one sentence.
    pub doubts: Vec<String>,
}

impl Description {
    pub(crate) fn new(file: &str, kind: Kind) -> Self {
        Self {
            file: file.to_owned(),
            kind,
            summary: kind.words().to_owned(),
            facts: Facts::default(),
            doubts: Vec::new(),
        }
    }

    /// Adds a doubt unless the same was said before.
    pub(crate) fn doubt(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.doubts.contains(&what) {
            self.doubts.push(what);
        }
    }
}

/// Facts by key, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Facts(Map<String, Value>);

impl Facts {
    /// The fact of this key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The number of this key.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64)
    }

    /// Keys and facts in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Sets a fact.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Sets a fact when there is one.
    pub(crate) fn set_some<V: Into<Value>>(&mut self, key: &str, value: Option<V>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }
}

/// A number with few digits for people.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}
