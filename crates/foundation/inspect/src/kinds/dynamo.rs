//! Dynamo particle tables: rows of at least 26 columns of numbers, some written as complex literals.
//!
//! Columns (counted from 1): 1 tag, 4–6 shifts in px, 7–9 Euler angles in degrees, 20 tomogram, 24–26
//! position in px.
use std::collections::BTreeSet;

use serde_json::json;
use thon_formats::text::parse_f64;

use super::documents;
use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;

/// Describes a Dynamo table.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let (mut rows, mut columns, mut complex, mut twice) = (0_usize, 0_usize, 0_usize, 0_usize);
    let (mut tags, mut tomograms) = (BTreeSet::new(), BTreeSet::new());
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let row: Result<Vec<f64>, &str> = line
            .split_whitespace()
            .map(|word| real_part(word, &mut complex))
            .collect();
        let row = row.map_err(|word| {
            input.damaged(format!(
                "line {}: expected a number, found `{word}`",
                index + 1
            ))
        })?;
        if rows > 0 && row.len() != columns {
            let what = format!(
                "line {}: expected {columns} columns as before, found {}",
                index + 1,
                row.len()
            );
            return Err(input.damaged(format!("{what}\n  hint: is the file cut off?")));
        }
        columns = row.len();
        rows += 1;
        twice += usize::from(!tags.insert(row.first().copied().unwrap_or(0.0) as i64));
        tomograms.extend(row.get(19).map(|number| *number as i64));
    }
    let facts = &mut description.facts;
    facts.set("rows", rows);
    facts.set("columns", columns);
    facts.set("tomograms", tomograms.len());
    facts.set(
        "tomogram_numbers",
        json!(tomograms.iter().take(24).collect::<Vec<_>>()),
    );
    facts.set("complex_literals", complex);
    description.summary = format!(
        "Dynamo table, {rows} particles × {columns} columns, {} tomograms",
        tomograms.len()
    );
    if twice > 0 {
        description.doubt(format!("{twice} particle tags stand more than once"));
    }
    if columns < 26 {
        description.doubt(format!(
            "{columns} columns are too few for positions (24 to 26)"
        ));
    }
    Ok(())
}

/// The number of a word; of a complex literal like `1.5+0i` its real part.
fn real_part<'a>(word: &'a str, complex: &mut usize) -> Result<f64, &'a str> {
    if let Some(number) = parse_f64(word) {
        return Ok(number);
    }
    let inner = word.strip_suffix(['i', 'j']).ok_or(word)?;
    let sign = inner
        .char_indices()
        .rev()
        .find(|(at, c)| *at > 0 && matches!(c, '+' | '-') && !inner[..*at].ends_with(['e', 'E']));
    let (at, _) = sign.ok_or(word)?;
    *complex += 1;
    parse_f64(&inner[..at])
        .filter(|_| parse_f64(&inner[at..]).is_some())
        .ok_or(word)
}

#[cfg(test)]
mod tests {
    use super::real_part;

    #[test]
    fn complex_literals_have_a_real_part() {
        let mut complex = 0;
        for (word, real) in [
            ("1.5", 1.5),
            ("-2+0i", -2.0),
            ("1e-3-4.5e+2i", 1e-3),
            ("0.5-0i", 0.5),
        ] {
            assert_eq!(real_part(word, &mut complex), Ok(real), "{word}");
        }
        assert_eq!(complex, 3);
        for word in ["i", "1+i2", "x+1i", "1ei"] {
            assert!(real_part(word, &mut complex).is_err(), "{word}");
        }
    }
}
