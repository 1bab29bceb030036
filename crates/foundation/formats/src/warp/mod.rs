//! XML of Warp and M: tilt series (`<TiltSeries>`), frame series (`<FrameSeries>`, `<Movie>`).
//!
//! The whole document is kept as a tree ([`crate::xml`]); this room gives typed access: attributes, lists with
//! one value per line, parameters, and grids. Values are the file's: degrees, Å, defocus in µm, stage angle
//! with Warp's sign. `.tomostar` files are STAR.

mod grid;

pub use grid::{Grid, GridNode};

use crate::error::{FormatError, quoted};
use crate::text::parse_f64;
use crate::xml::{self, Document, Element};
use std::path::Path;

/// A Warp item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarpItem {
    /// Name of the file, for messages.
    pub name: String,
    /// The document.
    pub document: Document,
}

/// Parses a Warp XML text; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<WarpItem, FormatError> {
    let document = xml::parse(text, name)?;
    if !matches!(
        document.root.name.as_str(),
        "TiltSeries" | "FrameSeries" | "Movie"
    ) {
        let found = format!("<{}>", document.root.name);
        return Err(FormatError::at(
            name,
            document.root.line as usize,
            "<TiltSeries>, <FrameSeries> or <Movie>",
            found,
        ));
    }
    Ok(WarpItem {
        name: name.to_owned(),
        document,
    })
}

/// Reads a Warp XML file (UTF-8 or UTF-16).
pub fn read(path: &Path) -> Result<WarpItem, FormatError> {
    parse(
        &crate::text::read_text(path)?,
        &crate::text::display_name(path),
    )
}

/// Text of a Warp item.
pub fn write(item: &WarpItem) -> String {
    xml::write(&item.document)
}

impl WarpItem {
    /// New item with this root (`TiltSeries`, `FrameSeries`).
    pub fn new(root: &str) -> Self {
        let root = Element {
            name: root.to_owned(),
            ..Element::default()
        };
        Self {
            name: String::new(),
            document: Document {
                comments: Vec::new(),
                root,
            },
        }
    }

    /// Root element.
    pub fn root(&self) -> &Element {
        &self.document.root
    }

    /// Attribute of the root, such as `PlaneNormal`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.root().attribute(name)
    }

    /// Attribute of the root as a number; `None` when absent or empty.
    pub fn number(&self, name: &str) -> Result<Option<f64>, FormatError> {
        let root = self.root();
        let value = root
            .attribute(name)
            .filter(|value| !value.trim().is_empty());
        value
            .map(|value| root.parse_number(value, name, &self.name))
            .transpose()
    }

    /// Attribute of the root as numbers separated by commas or semicolons; `None` when absent or empty.
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, FormatError> {
        let root = self.root();
        let Some(value) = root
            .attribute(name)
            .filter(|value| !value.trim().is_empty())
        else {
            return Ok(None);
        };
        value
            .split([',', ';'])
            .map(|part| root.parse_number(part, name, &self.name))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Attribute of the root as true or false; `None` when absent, empty or `null`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, FormatError> {
        let root = self.root();
        root.attribute(name)
            .map_or(Ok(None), |value| self.parse_flag(root, value, name))
    }

    fn parse_flag(
        &self,
        element: &Element,
        value: &str,
        what: &str,
    ) -> Result<Option<bool>, FormatError> {
        match value.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            "" | "null" => Ok(None),
            _ => Err(FormatError::at(
                &self.name,
                element.line as usize,
                format!("True or False for {what}"),
                quoted(value),
            )),
        }
    }

    /// Lines of a list element (`Angles`, `MoviePath`, …); `None` when the element is absent.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        let text = &self.root().child(name)?.text;
        Some(text.lines().map(str::trim).collect())
    }

    /// List element as numbers; `None` when absent.
    pub fn number_list(&self, name: &str) -> Result<Option<Vec<f64>>, FormatError> {
        let (Some(lines), Some(element)) = (self.list(name), self.root().child(name)) else {
            return Ok(None);
        };
        let number = |(index, line): (usize, &&str)| {
            let place = element.line as usize + index;
            parse_f64(line).ok_or_else(|| {
                FormatError::at(
                    &self.name,
                    place,
                    format!("a number in <{name}>"),
                    quoted(line),
                )
            })
        };
        lines
            .iter()
            .enumerate()
            .map(number)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// List element as true or false, one per line; `None` when absent.
    pub fn flag_list(&self, name: &str) -> Result<Option<Vec<bool>>, FormatError> {
        let (Some(lines), Some(element)) = (self.list(name), self.root().child(name)) else {
            return Ok(None);
        };
        let flag = |line: &&str| {
            let value = self.parse_flag(element, line, name)?;
            value.ok_or_else(|| {
                FormatError::at(
                    &self.name,
                    element.line as usize,
                    format!("True or False in <{name}>"),
                    quoted(line),
                )
            })
        };
        lines.iter().map(flag).collect::<Result<_, _>>().map(Some)
    }

    /// Replaces a list element, or adds it.
    pub fn set_list<S: AsRef<str>>(&mut self, name: &str, lines: impl IntoIterator<Item = S>) {
        let lines: Vec<String> = lines
            .into_iter()
            .map(|line| line.as_ref().to_owned())
            .collect();
        self.element_mut(name).text = lines.join("\n");
    }

    /// Value of `<Param Name="…" Value="…">` in a group such as `CTF`.
    pub fn parameter(&self, group: &str, name: &str) -> Option<&str> {
        let group = self.root().child(group)?;
        group
            .children_named("Param")
            .find(|param| param.attribute("Name") == Some(name))?
            .attribute("Value")
    }

    /// Parameter as a number; `None` when absent.
    pub fn parameter_number(&self, group: &str, name: &str) -> Result<Option<f64>, FormatError> {
        let Some(value) = self.parameter(group, name) else {
            return Ok(None);
        };
        self.root().parse_number(value, name, &self.name).map(Some)
    }

    /// Changes a parameter of a group, or adds it.
    pub fn set_parameter(&mut self, group: &str, name: &str, value: &str) {
        let group = self.element_mut(group);
        match group
            .children
            .iter_mut()
            .find(|param| param.attribute("Name") == Some(name))
        {
            Some(param) => param.set_attribute("Value", value),
            None => group
                .children
                .push(Element::new("Param", [("Name", name), ("Value", value)])),
        }
    }

    /// Grid element such as `GridCTF`; `None` when absent.
    pub fn grid(&self, name: &str) -> Result<Option<Grid>, FormatError> {
        self.root()
            .child(name)
            .map(|element| grid::from_element(element, &self.name))
            .transpose()
    }

    /// Replaces a grid element, or adds it.
    pub fn set_grid(&mut self, name: &str, grid: &Grid) {
        *self.element_mut(name) = grid::to_element(name, grid);
    }

    fn element_mut(&mut self, name: &str) -> &mut Element {
        let children = &mut self.document.root.children;
        let index = children
            .iter()
            .position(|child| child.name == name)
            .unwrap_or_else(|| {
                children.push(Element {
                    name: name.to_owned(),
                    ..Element::default()
                });
                children.len() - 1
            });
        &mut children[index]
    }
}

#[cfg(test)]
mod tests;
