//! Dependencies present in several incompatible versions, against an allow list with reasons.
//!
//! Two versions are compatible when cargo would unify them: same first non-zero number.
use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::house_rules::{HouseRules, RULES_PATH};
use super::packages::OutsidePackage;

/// Reports duplicates that are not allowed, and allowances that are no longer needed.
pub(super) fn check(packages: &[OutsidePackage], rules: &HouseRules) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .insert(compatible_part(&package.version), &package.version);
    }
    let duplicated: BTreeSet<&str> = versions
        .iter()
        .filter(|(_, set)| set.len() > 1)
        .map(|(name, _)| *name)
        .collect();
    let mut findings = Vec::new();
    for name in &duplicated {
        if rules
            .duplicate
            .iter()
            .any(|allowed| allowed.name == *name && !allowed.reason.trim().is_empty())
        {
            continue;
        }
        let list = versions[name]
            .values()
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let hint = "unify the versions (`cargo tree -d`), or allow it with a [[duplicate]] name and reason";
        findings.push(Finding::error(
            RULES_PATH,
            1,
            format!("{name} is present as {list}"),
            hint,
        ));
    }
    for allowed in rules
        .duplicate
        .iter()
        .filter(|allowed| !duplicated.contains(allowed.name.as_str()))
    {
        let what = format!("{} is no longer duplicated", allowed.name);
        findings.push(Finding::warning(
            RULES_PATH,
            1,
            what,
            "remove its [[duplicate]] entry",
        ));
    }
    findings
}

fn compatible_part(version: &str) -> String {
    let numbers: Vec<&str> = version.split(['.', '-', '+']).take(3).collect();
    let kept = numbers
        .iter()
        .position(|number| *number != "0")
        .map_or(numbers.len(), |first| first + 1);
    numbers[..kept].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::house_rules::AllowedDuplicate;

    fn package(name: &str, version: &str) -> OutsidePackage {
        OutsidePackage {
            name: name.into(),
            version: version.into(),
            licence: None,
        }
    }

    #[test]
    fn compatible_versions_are_one() {
        for (version, part) in [
            ("1.2.3", "1"),
            ("0.4.4", "0.4"),
            ("0.0.7", "0.0.7"),
            ("2.0.1+x", "2"),
        ] {
            assert_eq!(compatible_part(version), part);
        }
        let findings = check(
            &[package("a", "1.2.0"), package("a", "1.3.0")],
            &HouseRules::default(),
        );
        assert!(findings.is_empty());
    }

    #[test]
    fn duplicates_need_a_reason_and_reasons_a_duplicate() {
        let packages = [
            package("a", "0.4.4"),
            package("a", "0.6.1"),
            package("b", "1.0.0"),
            package("b", "2.0.0"),
        ];
        let allow = |name: &str, reason: &str| AllowedDuplicate {
            name: name.into(),
            reason: reason.into(),
        };
        let rules = HouseRules {
            licences: vec![],
            duplicate: vec![
                allow("a", "pulled in by x"),
                allow("b", " "),
                allow("c", "gone"),
            ],
        };
        let whats: Vec<String> = check(&packages, &rules)
            .into_iter()
            .map(|finding| finding.what)
            .collect();
        assert_eq!(
            whats,
            ["b is present as 1.0.0, 2.0.0", "c is no longer duplicated"]
        );
    }
}
