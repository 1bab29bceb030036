//! Lists of whole numbers as IMOD writes them: `1-3,8` or `5 - 2 , 9`.

use crate::error::{FormatError, quoted};

/// Most entries a list may expand to; views and sections are far fewer.
const LIMIT: usize = 100_000;

/// Expands a list; a range may run downwards; blanks do not count. `file` and `line` appear in messages.
pub fn expand(list: &str, file: &str, line: usize) -> Result<Vec<i64>, FormatError> {
    let bad =
        |found: &str| FormatError::at(file, line, "a list of numbers such as 1-3,8", quoted(found));
    let mut numbers = Vec::new();
    for part in list
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        // The minus between two numbers is the first one after the first character (which may be a sign).
        let split = part
            .char_indices()
            .skip(1)
            .find(|(_, character)| *character == '-')
            .map(|(index, _)| index);
        let (first, last) =
            split.map_or((part, part), |index| (&part[..index], &part[index + 1..]));
        let first: i64 = first.trim().parse().map_err(|_| bad(part))?;
        let last: i64 = last.trim().parse().map_err(|_| bad(part))?;
        let span = first.abs_diff(last) as usize;
        if span >= LIMIT - numbers.len().min(LIMIT) {
            return Err(FormatError::at(
                file,
                line,
                format!("a list of at most {LIMIT} numbers"),
                quoted(part),
            ));
        }
        if first <= last {
            numbers.extend(first..=last);
        } else {
            numbers.extend((last..=first).rev());
        }
    }
    Ok(numbers)
}

/// Shortest list of these numbers, runs as ranges, in the given order.
pub fn format(numbers: &[i64]) -> String {
    let mut parts = Vec::new();
    let mut rest = numbers;
    while let Some((&first, _)) = rest.split_first() {
        let run = rest
            .iter()
            .zip(0..)
            .take_while(|&(number, step)| first.checked_add(step) == Some(*number))
            .count();
        let last = rest[run - 1];
        parts.push(if run > 1 {
            format!("{first}-{last}")
        } else {
            first.to_string()
        });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_both_ways() {
        assert_eq!(expand("1-3, 8,5 - 4,", "f", 1).unwrap(), [1, 2, 3, 8, 5, 4]);
        assert_eq!(expand("-2-1", "f", 1).unwrap(), [-2, -1, 0, 1]);
        assert_eq!(expand("", "f", 1).unwrap(), [0_i64; 0]);
        assert_eq!(format(&[1, 2, 3, 8, 5, 4]), "1-3,8,5,4");
        assert_eq!(
            format(&[i64::MAX - 1, i64::MAX, 1]),
            format!("{}-{},1", i64::MAX - 1, i64::MAX)
        );
        for bad in ["a", "1-", "1-99999999999", "1--", "9223372036854775807-1"] {
            assert!(expand(bad, "f", 7).unwrap_err().line() == Some(7), "{bad}");
        }
    }
}
