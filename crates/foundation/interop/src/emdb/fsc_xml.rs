//! The FSC curve of a deposition: `<fsc title xaxis yaxis>` with one `<coordinate>` (x in 1/Å, y) per shell.

use std::path::Path;

use thon_formats::text::{parse_f64, read_text, write_file};
use thon_formats::xml::{self, Document, Element};

use crate::InteropError;
use crate::error::create_parent;

/// A curve for deposition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FscDocument {
    /// What the curve shows.
    pub title: String,
    /// Spatial frequency (cycles/Å) and correlation of every shell.
    pub points: Vec<[f64; 2]>,
}

/// Writes a curve; six decimals, as depositions have them.
pub fn write_fsc_xml(fsc: &FscDocument, path: &Path) -> Result<(), InteropError> {
    create_parent(path)?;
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let root = Element {
        name: "fsc".to_owned(),
        attributes: vec![
            attribute("title", &fsc.title),
            attribute("xaxis", "Resolution (A-1)"),
            attribute("yaxis", "Correlation Coefficient"),
        ],
        children: fsc.points.iter().map(coordinate).collect(),
        ..Element::default()
    };
    let document = Document {
        comments: Vec::new(),
        root,
    };
    Ok(write_file(path, xml::write(&document).as_bytes())?)
}

fn coordinate(point: &[f64; 2]) -> Element {
    let leaf = |name: &str, value: f64| Element {
        name: name.to_owned(),
        text: format!("{value:.6}"),
        ..Element::default()
    };
    Element {
        name: "coordinate".to_owned(),
        children: vec![leaf("x", point[0]), leaf("y", point[1])],
        ..Element::default()
    }
}

/// Reads a curve.
pub fn read_fsc_xml(path: &Path) -> Result<FscDocument, InteropError> {
    let document = xml::parse(&read_text(path)?, &path.display().to_string())?;
    let root = document.root;
    if root.name != "fsc" {
        return Err(InteropError::contradiction(
            path.display(),
            "an element <fsc>",
            format!("<{}>", root.name),
        ));
    }
    let title = root
        .attributes
        .iter()
        .find(|(name, _)| name == "title")
        .map(|(_, value)| value.clone());
    let mut points = Vec::with_capacity(root.children.len());
    for child in root
        .children
        .iter()
        .filter(|child| child.name == "coordinate")
    {
        let value = |axis: &str| {
            let leaf = child.children.iter().find(|leaf| leaf.name == axis);
            leaf.and_then(|leaf| parse_f64(&leaf.text)).ok_or_else(|| {
                let place = format!("{}, line {}", path.display(), child.line);
                InteropError::contradiction(place, format!("a number in <{axis}>"), "none")
            })
        };
        points.push([value("x")?, value("y")?]);
    }
    Ok(FscDocument {
        title: title.unwrap_or_default(),
        points,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_comes_back_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/fsc.xml");
        let fsc = FscDocument {
            title: "FSC <corrected> & \"masked\"".into(),
            points: vec![[0.0, 1.0], [0.0123, -0.25]],
        };
        write_fsc_xml(&fsc, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("xaxis=\"Resolution (A-1)\"") && text.contains("<y>-0.250000</y>"),
            "{text}"
        );
        assert_eq!(read_fsc_xml(&path).unwrap(), fsc);
        std::fs::write(&path, text.replace("-0.25", "x")).unwrap();
        assert!(
            read_fsc_xml(&path)
                .unwrap_err()
                .to_string()
                .contains("a number in <y>")
        );
        std::fs::write(&path, "<map/>").unwrap();
        assert!(
            read_fsc_xml(&path)
                .unwrap_err()
                .to_string()
                .contains("<fsc>")
        );
    }
}
