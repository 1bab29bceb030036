//! Licences of dependencies against the allow list, as SPDX expressions.
//!
//! `OR` needs one allowed side, `AND` needs both, `A WITH B` is looked up as written and then as
//! `A`; the old `A/B` is read as `A OR B`. `AND` binds tighter than `OR` (SPDX 2.3, annex D).
use super::Finding;
use super::house_rules::{HouseRules, RULES_PATH};
use super::packages::OutsidePackage;

/// Checks every dependency.
pub(super) fn check(packages: &[OutsidePackage], rules: &HouseRules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let said = package.licence.as_deref().unwrap_or_default();
        if allowed(said, &rules.licences) {
            continue;
        }
        let what = match said {
            "" => format!("{} {} states no licence", package.name, package.version),
            said => format!("{} {} is licensed `{said}`", package.name, package.version),
        };
        let hint =
            "replace the dependency, or add the licence to the allow list if it is permissive";
        findings.push(Finding::error(RULES_PATH, 1, what, hint));
    }
    findings
}

/// Whether the expression can be satisfied by allowed licences; a malformed one cannot.
fn allowed(expression: &str, list: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let verdict = any_of(&words, &mut at, list);
    at == words.len() && verdict == Some(true)
}

fn any_of(words: &[&str], at: &mut usize, list: &[String]) -> Option<bool> {
    let mut verdict = all_of(words, at, list)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= all_of(words, at, list)?;
    }
    Some(verdict)
}

fn all_of(words: &[&str], at: &mut usize, list: &[String]) -> Option<bool> {
    let mut verdict = one(words, at, list)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(words, at, list)?;
    }
    Some(verdict)
}

fn one(words: &[&str], at: &mut usize, list: &[String]) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let verdict = any_of(words, at, list)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(verdict);
    }
    if matches!(word, "OR" | "AND" | "WITH" | ")") {
        return None;
    }
    let listed = |name: &str| list.iter().any(|allowed| allowed == name);
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1)?;
        *at += 2;
        return Some(listed(&format!("{word} WITH {exception}")) || listed(word));
    }
    Some(listed(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(expression: &str) -> bool {
        let list = ["MIT", "Apache-2.0", "Unicode-3.0"].map(String::from);
        allowed(expression, &list)
    }

    #[test]
    fn expressions_are_evaluated() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 AND GPL-2.0 OR MIT",
        ] {
            assert!(passes(good), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "MIT OR",
            "(MIT",
            "MIT MIT",
            "(MIT OR GPL-3.0) AND GPL-3.0",
        ] {
            assert!(!passes(bad), "{bad}");
        }
    }

    #[test]
    fn a_missing_licence_is_an_error() {
        let package = OutsidePackage {
            name: "a".into(),
            version: "1.0.0".into(),
            licence: None,
        };
        let findings = check(
            &[package],
            &HouseRules {
                licences: vec!["MIT".into()],
                duplicate: vec![],
            },
        );
        assert!(findings[0].what.contains("states no licence"));
    }
}
