//! Operator expressions of mmCIF assemblies, such as `1`, `(1-60)`, `1,3,P` or `(1-5)(X0,X1)`.
//!
//! PDBx/mmCIF dictionary, `_pdbx_struct_assembly_gen.oper_expression`: parentheses side by side are
//! products, the right one applied first; a dash between numbers is a range.
use std::collections::BTreeMap;

use glam::DAffine3;

use crate::assembly::MOST_OPERATORS;

/// The operators that the expression stands for, in order of writing.
///
/// Errors are words for the "found" part of a message.
pub(crate) fn expand(
    expression: &str,
    named: &BTreeMap<String, DAffine3>,
) -> Result<Vec<DAffine3>, String> {
    let mut products = vec![DAffine3::IDENTITY];
    let mut rest = expression.trim();
    if rest.is_empty() {
        return Err("an empty expression".to_owned());
    }
    while !rest.is_empty() {
        let group;
        if let Some(inside) = rest.strip_prefix('(') {
            let end = inside
                .find(')')
                .ok_or("a parenthesis that does not close")?;
            group = &inside[..end];
            rest = inside[end + 1..].trim_start();
        } else {
            let end = rest.find('(').unwrap_or(rest.len());
            group = rest[..end].trim();
            rest = &rest[end..];
        }
        let factors = names(group)?
            .iter()
            .map(|name| {
                named
                    .get(name)
                    .copied()
                    .ok_or_else(|| format!("operator `{name}`, which the file lacks"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if products.len().saturating_mul(factors.len()) > MOST_OPERATORS {
            return Err(format!("more than {MOST_OPERATORS} operators"));
        }
        products = products
            .iter()
            .flat_map(|left| factors.iter().map(move |right| *left * *right))
            .collect();
    }
    Ok(products)
}

/// The names of one group: a list of names and ranges.
fn names(group: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for item in group.split(',').map(str::trim) {
        let range = item.split_once('-').and_then(|(first, last)| {
            Some((
                first.trim().parse::<u32>().ok()?,
                last.trim().parse::<u32>().ok()?,
            ))
        });
        match range {
            Some((first, last)) if first <= last && ((last - first) as usize) < MOST_OPERATORS => {
                names.extend((first..=last).map(|number| number.to_string()));
            }
            Some((first, last)) => return Err(format!("the range {first}-{last}")),
            None if item.is_empty() => return Err("an empty name".to_owned()),
            None => names.push(item.to_owned()),
        }
        if names.len() > MOST_OPERATORS {
            return Err(format!("more than {MOST_OPERATORS} operators"));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    fn shifts() -> BTreeMap<String, DAffine3> {
        let shift = |x: f64| DAffine3::from_translation(DVec3::new(x, 0.0, 0.0));
        let mut named: BTreeMap<String, DAffine3> = (1..=60)
            .map(|n| (n.to_string(), shift(f64::from(n))))
            .collect();
        named.insert(
            "X0".into(),
            DAffine3::from_mat3(glam::DMat3::from_diagonal(DVec3::new(-1.0, -1.0, 1.0))),
        );
        named
    }

    fn offsets(expression: &str) -> Vec<f64> {
        expand(expression, &shifts())
            .unwrap()
            .iter()
            .map(|operator| operator.translation.x)
            .collect()
    }

    #[test]
    fn lists_and_ranges() {
        assert_eq!(offsets("1"), [1.0]);
        assert_eq!(offsets("1,3, 5-7"), [1.0, 3.0, 5.0, 6.0, 7.0]);
        assert_eq!(offsets("(1-60)").len(), 60);
    }

    #[test]
    fn products_apply_the_right_one_first() {
        let operators = expand("(1,2)(X0)", &shifts()).unwrap();
        let moved: Vec<f64> = operators
            .iter()
            .map(|o| o.transform_point3(DVec3::new(10.0, 0.0, 0.0)).x)
            .collect();
        assert_eq!(moved, [-9.0, -8.0]);
        let other = expand("(X0)(1)", &shifts()).unwrap();
        assert_eq!(
            other[0].transform_point3(DVec3::new(10.0, 0.0, 0.0)).x,
            -11.0
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let many = "(1-60)".repeat(4);
        for bad in [
            "",
            "(1",
            "99",
            "5-1",
            "1-4000000000",
            "1,,2",
            "()",
            many.as_str(),
        ] {
            assert!(expand(bad, &shifts()).is_err(), "{bad}");
        }
    }
}
