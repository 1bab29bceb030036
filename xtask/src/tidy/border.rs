//! The border: foreign conventions are named by import and export jobs only.
use super::Finding;
use super::source::code_only;
use super::tree::Tree;

/// Parts of a path that make a file one of the border: imports and exports, the adoption of a foreign alignment (an
/// import into what is there already), and what they share about the files they are given.
const BORDER: [&str; 4] = ["import", "export", "adopt", "given_files"];

/// In the catalogue only import and export jobs may name interop.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in tree
        .rust()
        .filter(|(file, _)| file.path.starts_with("crates/jobs/catalogue/src/"))
    {
        if file
            .components()
            .any(|component| BORDER.iter().any(|part| component.contains(part)))
        {
            continue;
        }
        let code = code_only(text);
        for (index, _) in code
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains("thon_interop"))
        {
            let hint = "move foreign conventions into an import or export job";
            findings.push(Finding::error(
                &file.path,
                index + 1,
                "a job other than import/export uses interop",
                hint,
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interop_is_for_import_and_export_jobs() {
        let tree = Tree::of(&[
            (
                "crates/jobs/catalogue/src/import/relion.rs",
                "use thon_interop::relion;",
            ),
            (
                "crates/jobs/catalogue/src/maps/fsc.rs",
                "// thon_interop\n\nuse thon_interop::relion;",
            ),
        ]);
        let findings = check(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 3);
    }
}
