//! The floor rule: arrows between our crates only point down, as the paths say.
//!
//! Floors from the ground: foundation, kernels, jobs, workflow, surfaces, app. A crate uses its own
//! floor (without cycles) or those below. Beyond that: workflow and surfaces never name the
//! catalogue, kernels never see a file format, and interop has few friends.
use std::collections::BTreeMap;

use super::Finding;
use super::packages::{OwnCrate, OwnDependency};

/// Where a crate lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    Foundation,
    Kernels,
    Jobs,
    Workflow,
    Surfaces,
    App,
    /// Tests, benches and chores: may use everything, nobody may use them.
    Outside,
}

const PATHS: [(&str, Floor); 9] = [
    ("crates/foundation/", Floor::Foundation),
    ("crates/kernels/", Floor::Kernels),
    ("crates/jobs/", Floor::Jobs),
    ("crates/workflow/", Floor::Workflow),
    ("crates/surfaces/", Floor::Surfaces),
    ("app/", Floor::App),
    ("tests/", Floor::Outside),
    ("benches/", Floor::Outside),
    ("xtask/", Floor::Outside),
];

/// Foundation rooms that touch files, closed to kernels.
const FILE_ROOMS: [&str; 5] = ["formats", "images", "interop", "inspect", "atoms"];

/// Checks every dependency between our crates.
pub(super) fn check(crates: &[OwnCrate]) -> Vec<Finding> {
    let by_name: BTreeMap<&str, &OwnCrate> =
        crates.iter().map(|own| (own.name.as_str(), own)).collect();
    let mut findings = Vec::new();
    for user in crates {
        let Some(floor) = floor_of(&user.folder) else {
            let hint = "put it in crates/<floor>/, app, tests, benches or xtask";
            findings.push(Finding::error(
                &user.manifest_path(),
                1,
                "the crate stands on no floor",
                hint,
            ));
            continue;
        };
        for dependency in &user.dependencies {
            let Some(used) = by_name.get(dependency.name.as_str()) else {
                continue;
            };
            if let Some((what, hint)) = breach(user, floor, used, dependency) {
                let line = user.line_of(&dependency.name);
                findings.push(Finding::error(&user.manifest_path(), line, what, hint));
            }
        }
    }
    findings.extend(cycles(&by_name));
    findings
}

fn floor_of(folder: &str) -> Option<Floor> {
    let path = format!("{folder}/");
    PATHS
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix))
        .map(|(_, floor)| *floor)
}

fn room(own: &OwnCrate) -> &str {
    own.folder.rsplit('/').next().unwrap_or(&own.folder)
}

fn breach(
    user: &OwnCrate,
    floor: Floor,
    used: &OwnCrate,
    dependency: &OwnDependency,
) -> Option<(String, String)> {
    let below = floor_of(&used.folder)?;
    let kind = if dependency.dev {
        "dev-dependency"
    } else {
        "dependency"
    };
    let arrow = format!("{kind} {} → {}", user.name, used.name);
    if below == Floor::Outside {
        return Some((
            format!("{arrow}: nobody may use {}", used.folder),
            "move the shared part into a room".into(),
        ));
    }
    if floor == Floor::Outside {
        return None;
    }
    if below > floor {
        let what = format!("{arrow} points up: {floor:?} uses {below:?}");
        return Some((
            what,
            "move the shared part down, or pass it in as an argument".into(),
        ));
    }
    let used_room = room(used);
    if used_room == "catalogue" && matches!(floor, Floor::Workflow | Floor::Surfaces) {
        return Some((
            format!("{arrow}: {floor:?} must not know any job"),
            "take it as `AnyJob` from the app".into(),
        ));
    }
    if floor == Floor::Kernels && below == Floor::Foundation && FILE_ROOMS.contains(&used_room) {
        return Some((
            format!("{arrow}: kernels know no files"),
            "pass arrays and model types in".into(),
        ));
    }
    if used_room == "interop" && room(user) != "catalogue" {
        let hint = "only import and export jobs, tests and benches see interop";
        return Some((
            format!("{arrow}: foreign conventions end at the border"),
            hint.into(),
        ));
    }
    None
}

/// Cycles, dev-dependencies included (cargo itself refuses the others).
fn cycles(crates: &BTreeMap<&str, &OwnCrate>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, own) in crates {
        let mut trail = vec![*name];
        if returns_to(name, own, crates, &mut trail) {
            let what = format!("dependency cycle {} → {name}", trail.join(" → "));
            let line = trail.get(1).map_or(1, |next| own.line_of(next));
            findings.push(Finding::error(
                &own.manifest_path(),
                line,
                what,
                "break the cycle at its weakest arrow",
            ));
        }
    }
    findings
}

fn returns_to<'a>(
    goal: &str,
    from: &'a OwnCrate,
    crates: &BTreeMap<&'a str, &'a OwnCrate>,
    trail: &mut Vec<&'a str>,
) -> bool {
    for dependency in &from.dependencies {
        if dependency.name == goal {
            return true;
        }
        let Some((name, next)) = crates.get_key_value(dependency.name.as_str()) else {
            continue;
        };
        if trail.contains(name) {
            continue;
        }
        trail.push(name);
        if returns_to(goal, next, crates, trail) {
            return true;
        }
        trail.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(folder: &str, uses: &[&str]) -> OwnCrate {
        let name = format!("thon-{}", folder.rsplit('/').next().unwrap());
        let dependencies = uses
            .iter()
            .map(|used| OwnDependency {
                name: (*used).to_owned(),
                dev: false,
            })
            .collect::<Vec<_>>();
        let manifest = uses.join(
            ".workspace = true
",
        ) + ".workspace = true
";
        OwnCrate {
            name,
            folder: folder.to_owned(),
            manifest,
            dependencies,
        }
    }

    fn whats(crates: &[OwnCrate]) -> Vec<String> {
        check(crates)
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn arrows_down_and_sideways_pass() {
        let crates = [
            own("crates/foundation/units", &[]),
            own("crates/foundation/interop", &["thon-units"]),
            own("crates/kernels/signal", &["thon-units"]),
            own("crates/kernels/ctf", &["thon-signal"]),
            own("crates/jobs/catalogue", &["thon-ctf", "thon-interop"]),
            own("app", &["thon-catalogue"]),
            own("tests", &["thon-interop", "thon-catalogue"]),
        ];
        assert_eq!(whats(&crates), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_up_is_found_on_its_line() {
        let crates = [
            own("crates/kernels/signal", &["thon-zero", "thon-engine"]),
            own("crates/workflow/engine", &[]),
        ];
        let findings = check(&crates);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(
            (findings[0].path.as_str(), findings[0].line),
            ("crates/kernels/signal/Cargo.toml", 2)
        );
        assert!(
            findings[0]
                .what
                .contains("points up: Kernels uses Workflow"),
            "{}",
            findings[0].what
        );
    }

    #[test]
    fn special_rules_hold() {
        let ground = [
            own("crates/jobs/catalogue", &[]),
            own("crates/foundation/formats", &[]),
        ];
        let ground_interop = own("crates/foundation/interop", &[]);
        for (user, uses, said) in [
            (
                "crates/workflow/engine",
                "thon-catalogue",
                "must not know any job",
            ),
            (
                "crates/surfaces/cli",
                "thon-catalogue",
                "must not know any job",
            ),
            (
                "crates/kernels/signal",
                "thon-formats",
                "kernels know no files",
            ),
            ("crates/surfaces/cli", "thon-interop", "end at the border"),
            (
                "crates/foundation/inspect",
                "thon-interop",
                "end at the border",
            ),
        ] {
            let mut crates = ground.to_vec();
            crates.push(ground_interop.clone());
            crates.push(own(user, &[uses]));
            let found = whats(&crates);
            assert!(
                found.len() == 1 && found[0].contains(said),
                "{user} → {uses}: {found:?}"
            );
        }
    }

    #[test]
    fn a_homeless_crate_and_a_cycle_are_found() {
        assert!(whats(&[own("crates/attic/box", &[])])[0].contains("no floor"));
        let round = [
            own("crates/kernels/a", &["thon-b"]),
            own("crates/kernels/b", &["thon-a"]),
        ];
        assert!(
            whats(&round)[0].contains("cycle thon-a → thon-b → thon-a"),
            "{:?}",
            whats(&round)
        );
    }

    #[test]
    fn nobody_uses_the_tests() {
        let crates = [own("crates/kernels/a", &["thon-tests"]), own("tests", &[])];
        assert!(whats(&crates)[0].contains("nobody may use tests"));
    }
}
