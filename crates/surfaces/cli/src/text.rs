//! Words and numbers for people: wrapping, sizes, durations, ages.

use jiff::Timestamp;
use serde_json::Value;

/// Breaks text into lines of at most `width` characters; empty lines of the text stay, other line
/// breaks are taken for spaces unless the line is indented or starts a list.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        let own_line = line.trim().is_empty() || line.starts_with([' ', '-', '*', '|', '`']);
        if own_line && !current.is_empty() {
            lines.push(std::mem::take(&mut current));
        }
        if line.trim().is_empty() {
            lines.push(String::new());
            continue;
        }
        if own_line {
            current.push_str(&line[..line.len() - line.trim_start().len()]);
        }
        for word in line.split_whitespace() {
            let needed = current.chars().count() + 1 + word.chars().count();
            if !current.trim().is_empty() && needed > width {
                lines.push(std::mem::take(&mut current));
            }
            if !current.trim().is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
    }
    if !current.is_empty() {
        lines.push(current);
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// `0.3 s`, `42 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if whole < 60 {
        format!("{whole} s")
    } else if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole / 60 % 60)
    }
}

/// How long ago, in one unit: `12 s`, `5 min`, `3 h`, `4 d`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `812 B`, `3.4 MB`, `12.0 GB` (powers of 1000).
pub(crate) fn bytes(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

/// A size as people write it: `8G`, `500 MB`, `4GiB`, `1000000`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text
        .trim()
        .trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text.trim()[digits.len()..].trim().to_ascii_lowercase();
    let factor: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(format!("expected a size such as `8G`, found \"{text}\"")),
    };
    match digits.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok((value * factor as f64) as u64),
        _ => Err(format!("expected a size such as `8G`, found \"{text}\"")),
    }
}

/// A number with the digits that matter.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if !(1e-4..1e7).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 7) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A JSON value as people write it on a command line.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) if text.is_empty() => "empty".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // `10.0` reads better as `10`; every digit that is not zero stays.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        },
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            let items: Vec<String> = items.iter().map(self::value).collect();
            if items.is_empty() {
                "empty".into()
            } else {
                items.join(",")
            }
        }
        other => other.to_string(),
    }
}

/// The evidence of a job's state, line by line, without the labels of a message.
pub(crate) fn evidence(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
}

/// `1 item`, `3 items`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_is_wrapped_at_words() {
        let lines = wrap("one two three four five six\nseven\n\nnew paragraph", 20);
        assert_eq!(
            lines,
            ["one two three four", "five six seven", "", "new paragraph"]
        );
        assert_eq!(wrap("list:\n- a\n- b", 20), ["list:", "- a", "- b"]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(duration(0.34), "0.3 s");
        assert_eq!(duration(59.96), "1 min 0 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(number(12.34567), "12.35");
        assert_eq!(number(0.5), "0.5");
        assert_eq!(value(&json!(10.0)), "10");
        assert_eq!(value(&json!([1, 2.5])), "1,2.5");
        assert_eq!(parse_bytes("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(parse_bytes("8G"), Ok(8_000_000_000));
        assert!(parse_bytes("lots").is_err() && parse_bytes("-1G").is_err());
    }
}
