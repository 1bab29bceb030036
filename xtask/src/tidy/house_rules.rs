//! The exceptions and allow lists of `xtask/tidy.toml`; every exception carries its reason.
use std::path::Path;

use serde::Deserialize;

use super::Failure;

/// Path of the file, for messages.
pub(super) const RULES_PATH: &str = "xtask/tidy.toml";

/// The whole rules file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HouseRules {
    /// Licences a dependency may have, as SPDX identifiers.
    pub licences: Vec<String>,
    /// Dependencies that may be present in several incompatible versions.
    #[serde(default)]
    pub duplicate: Vec<AllowedDuplicate>,
}

/// One dependency allowed in several versions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllowedDuplicate {
    /// Package name.
    pub name: String,
    /// Who pulls the second version in, and why it is accepted.
    pub reason: String,
}

impl HouseRules {
    /// Reads the rules file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(toml::from_str(&text).map_err(|error| format!("{RULES_PATH}: {error}"))?)
    }
}
