//! Order of acquisition: `order_list.csv` (`1,-30.01`: chronological number from 1, nominal tilt angle) and
//! `.order` (tilt angle, dose before the image in e/Å²). A header line is allowed.

use crate::error::FormatError;
use crate::numeric_table;
use crate::text::{self, exact_number};
use std::path::Path;

/// One line of an order list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderedTilt {
    /// Chronological number, from 1.
    pub order: i64,
    /// Nominal tilt angle, degrees.
    pub tilt: f64,
}

/// One line of a `.order` file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DosedTilt {
    /// Tilt angle, degrees.
    pub tilt: f64,
    /// Dose before the image, e/Å².
    pub dose: f64,
}

fn pairs(text: &str, name: &str, what: &str) -> Result<Vec<[f64; 2]>, FormatError> {
    let table = numeric_table::parse(text, name)?;
    if table.width() != 2 && table.rows() > 0 {
        return Err(FormatError::whole(
            name,
            format!("two columns: {what}"),
            format!("{} columns", table.width()),
        ));
    }
    Ok(table.values().as_chunks().0.to_vec())
}

/// Parses an order list; `name` appears in messages.
pub fn parse_order_list(text: &str, name: &str) -> Result<Vec<OrderedTilt>, FormatError> {
    let ordered = |[order, tilt]: [f64; 2]| {
        let whole = order.fract() == 0.0 && order.abs() < 1e15;
        let error =
            || FormatError::whole(name, "whole numbers in the first column", order.to_string());
        if whole {
            Ok(OrderedTilt {
                order: order as i64,
                tilt,
            })
        } else {
            Err(error())
        }
    };
    pairs(text, name, "chronological number, tilt angle")?
        .into_iter()
        .map(ordered)
        .collect()
}

/// Reads an order list.
pub fn read_order_list(path: &Path) -> Result<Vec<OrderedTilt>, FormatError> {
    parse_order_list(&text::read_text(path)?, &text::display_name(path))
}

/// Text of an order list.
pub fn write_order_list(tilts: &[OrderedTilt]) -> String {
    tilts.iter().fold(String::new(), |out, tilt| {
        out + &tilt.order.to_string() + "," + &exact_number(tilt.tilt, 2) + "\n"
    })
}

/// Parses a `.order` file; `name` appears in messages.
pub fn parse_doses(text: &str, name: &str) -> Result<Vec<DosedTilt>, FormatError> {
    let rows = pairs(text, name, "tilt angle, dose before the image")?;
    Ok(rows
        .into_iter()
        .map(|[tilt, dose]| DosedTilt { tilt, dose })
        .collect())
}

/// Reads a `.order` file.
pub fn read_doses(path: &Path) -> Result<Vec<DosedTilt>, FormatError> {
    parse_doses(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a `.order` file.
pub fn write_doses(tilts: &[DosedTilt]) -> String {
    tilts.iter().fold(String::new(), |out, row| {
        out + &exact_number(row.tilt, 2) + " " + &exact_number(row.dose, 2) + "\n"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_read_back() {
        let list = parse_order_list(
            "ImageNumber, TiltAngle\n1,-30.01\n2, 0.125\n",
            "order_list.csv",
        )
        .unwrap();
        assert_eq!(
            list[0],
            OrderedTilt {
                order: 1,
                tilt: -30.01
            }
        );
        assert_eq!(
            parse_order_list(&write_order_list(&list), "b").unwrap(),
            list
        );
        let doses = parse_doses("-3 0\n0.5 3.125\n", "a.order").unwrap();
        assert_eq!(parse_doses(&write_doses(&doses), "b").unwrap(), doses);
        assert!(parse_order_list("1.5,0\n", "c").is_err());
        assert!(parse_doses("1 2 3\n", "d").is_err());
    }
}
