//! Figures: lines in the output of a command, and their place in the document.
use super::sections::Section;

const END: &str = "<!-- end of figures -->";

/// The lines of `printed` that contain one of `wanted`, without the prefix of the test harness.
pub(super) fn figures_in(printed: &str, wanted: &[&str]) -> Vec<String> {
    let harness = |line: &&str| !(line.starts_with("test result:") || line.starts_with("running "));
    let plain = printed
        .lines()
        .filter(harness)
        .map(|line| match line.split_once(" ... ") {
            Some((test, rest)) if test.starts_with("test ") => rest,
            _ => line,
        });
    plain
        .map(str::trim_end)
        .filter(|line| !line.starts_with("test ") && wanted.iter().any(|word| line.contains(word)))
        .map(str::to_owned)
        .collect()
}

/// What stands between the markers.
pub(super) fn block(section: &Section, circumstances: &str, figures: &[String]) -> String {
    let commands = section.commands.iter().map(|command| {
        let variables = command
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value} "));
        format!("{}{}\n", variables.collect::<String>(), command.line)
    });
    let commands: String = commands.collect();
    let figures = figures.join("\n");
    format!("```sh\n{commands}```\n\nMeasured {circumstances}:\n\n```text\n{figures}\n```\n")
}

/// The document with `block` between the markers of `name`.
pub(super) fn replace_figures(text: &str, name: &str, block: &str) -> Result<String, String> {
    let start = format!("<!-- figures: {name} -->\n");
    let missing = |what: &str| format!("docs/validation.md has no `{}`", what.trim_end());
    let (before, rest) = text.split_once(&start).ok_or_else(|| missing(&start))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| missing(END))?;
    Ok(format!("{before}{start}{block}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_lose_the_harness() {
        let printed = "running 1 test\ntest a::b ... lowest FSC 0.99\nother\nresolution 3 Å\nok\n\
                       test resolution ... ok\ntest result: ok. resolution";
        let found = figures_in(printed, &["FSC", "resolution"]);
        assert_eq!(found, ["lowest FSC 0.99", "resolution 3 Å"]);
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- figures: x -->\nold\n<!-- end of figures -->\nb\n";
        let new = replace_figures(text, "x", "new\n").unwrap();
        assert_eq!(new, text.replace("old", "new"));
        assert_eq!(replace_figures(&new, "x", "new\n").unwrap(), new);
        assert!(replace_figures(text, "y", "new").is_err());
    }

    #[test]
    fn the_document_has_a_place_for_every_section() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/validation.md");
        let text = std::fs::read_to_string(path).unwrap();
        for section in super::super::SECTIONS {
            assert!(
                replace_figures(&text, section.name, "").is_ok(),
                "{}",
                section.name
            );
        }
    }
}
