//! The documents of the project as tests see them: their text, and the numbers they state.
//!
//! A set of numbers stands under a line ``**Numbers** (`test: NAME`)`` as a list of `- sentence = value`;
//! a value is one number, or several in brackets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").into()
}

/// The text of a document, by its path from the workspace root.
///
/// # Panics
/// When the document is not there.
pub fn text(document: &str) -> String {
    let path = root().join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{document}: {e}"))
}

/// The numbers that a document states for one test; each must be looked at.
pub struct Numbers {
    place: String,
    values: BTreeMap<String, Vec<f64>>,
    open: RefCell<Vec<String>>,
}

impl Numbers {
    /// The list under `` (`test: NAME`) ``.
    ///
    /// # Panics
    /// When there is no such list, or a line of it has no value.
    pub fn of(document: &str, test: &str) -> Self {
        let (place, text) = (format!("{document}, {test}"), text(document));
        let mark = format!("(`test: {test}`)");
        let after = text.split_once(&mark).map(|(_, after)| after);
        let after = after.unwrap_or_else(|| panic!("{document} does not mention {mark}"));
        let lines = after.lines().skip_while(|line| !line.starts_with("- "));
        let values: BTreeMap<String, Vec<f64>> = lines
            .map_while(|line| line.strip_prefix("- "))
            .map(|line| {
                let (sentence, value) = line
                    .rsplit_once(" = ")
                    .expect("a list of `sentence = value`");
                (sentence.to_owned(), numbers(value))
            })
            .collect();
        assert!(!values.is_empty(), "{place}: no number is stated");
        let open = RefCell::new(values.keys().cloned().collect());
        Self {
            place,
            values,
            open,
        }
    }

    /// The stated value.
    ///
    /// # Panics
    /// When the document does not state it.
    pub fn value(&self, sentence: &str) -> &[f64] {
        self.open.borrow_mut().retain(|open| open != sentence);
        let found = self.values.get(sentence);
        found.unwrap_or_else(|| panic!("{}: \"{sentence}\" is not stated", self.place))
    }

    /// What the code gives is what the document states.
    ///
    /// # Panics
    /// When they differ by more than `tolerance`.
    pub fn hold(&self, sentence: &str, found: &[f64], tolerance: f64) {
        let stated = self.value(sentence);
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance;
        let same = stated.len() == found.len() && stated.iter().zip(found).all(near);
        assert!(
            same,
            "{}: \"{sentence}\" is stated as {stated:?}, found {found:?}",
            self.place
        );
    }

    /// Nothing that the document states was left out.
    ///
    /// # Panics
    /// When a number was not looked at.
    pub fn all_held(&self) {
        let open = self.open.borrow();
        assert!(open.is_empty(), "{}: nothing executes {open:?}", self.place);
    }
}

/// The numbers of `(1, −2.5)` or `3`.
fn numbers(text: &str) -> Vec<f64> {
    let plain = text.replace('−', "-");
    plain
        .trim_matches(['(', ')'])
        .split(", ")
        .map(|token| {
            token
                .parse()
                .unwrap_or_else(|e| panic!("\"{token}\" of \"{text}\": {e}"))
        })
        .collect()
}
