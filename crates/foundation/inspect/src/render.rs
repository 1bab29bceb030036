//! The answer for people: a summary, aligned facts, doubts.
use std::fmt;

use serde_json::Value;

use crate::description::{Description, short};

/// Rows of one fact that are shown; JSON has all.
const MOST_ROWS: usize = 30;

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.file, self.summary)?;
        let width = self
            .facts
            .iter()
            .map(|(key, _)| key.len())
            .max()
            .unwrap_or(0);
        for (key, value) in self.facts.iter() {
            let key = key.replace('_', " ");
            match value {
                Value::Array(rows) if rows.iter().any(Value::is_object) => {
                    writeln!(f, "  {key:width$}")?;
                    for row in rows.iter().take(MOST_ROWS) {
                        writeln!(f, "    {}", words(row))?;
                    }
                    if rows.len() > MOST_ROWS {
                        writeln!(f, "    … and {} more", rows.len() - MOST_ROWS)?;
                    }
                }
                other => writeln!(f, "  {key:width$}  {}", words(other))?,
            }
        }
        for doubt in &self.doubts {
            writeln!(f, "  doubt: {doubt}")?;
        }
        Ok(())
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64().map_or_else(|| number.to_string(), short),
        },
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{} {}", key.replace('_', " "), words(value))
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
    }
}
