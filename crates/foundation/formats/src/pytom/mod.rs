//! Particle lists of PyTom: XML with rotation (Z1, Z2, X in degrees, ZXZ), shift and pick position in voxels.
//! Elements without typed access (wedge, …) are kept.

use crate::error::{FormatError, quoted};
use crate::text::{self, exact_number};
use crate::xml::{self, Document, Element};
use std::path::Path;

/// A particle list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParticleList {
    /// Comments before the root.
    pub comments: Vec<String>,
    /// Particles in file order.
    pub particles: Vec<Particle>,
    /// Elements of the list that are no particles, kept.
    pub other: Vec<Element>,
}

/// One particle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Particle {
    /// File of the sub-tomogram.
    pub file_name: String,
    /// Z1, Z2, X, degrees.
    pub rotation: [f64; 3],
    /// Shift x, y, z, voxels.
    pub shift: [f64; 3],
    /// Position where it was picked.
    pub pick: Option<PickPosition>,
    /// Score and its kind.
    pub score: Option<Score>,
    /// Class name.
    pub class: Option<String>,
    /// Other elements of the particle (wedge, …), kept.
    pub other: Vec<Element>,
}

/// Where a particle was picked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PickPosition {
    /// x, y, z, voxels of the tomogram, first voxel 0.
    pub position: [f64; 3],
    /// Tomogram it was picked in.
    pub origin: String,
    /// Binning of that tomogram.
    pub binning: Option<f64>,
    /// Other attributes, kept.
    pub other: Vec<(String, String)>,
}

/// Score of a particle.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Value.
    pub value: f64,
    /// The element, with kind and peak prior; its `Value` is replaced on writing.
    pub element: Element,
}

const ROTATION: [&str; 3] = ["Z1", "Z2", "X"];
const AXES: [&str; 3] = ["X", "Y", "Z"];

/// Parses a particle list; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<ParticleList, FormatError> {
    let document = xml::parse(text, name)?;
    if document.root.name != "ParticleList" {
        let found = quoted(&document.root.name);
        return Err(FormatError::at(
            name,
            document.root.line as usize,
            "<ParticleList>",
            found,
        ));
    }
    let (particles, other): (Vec<_>, Vec<_>) = document
        .root
        .children
        .into_iter()
        .partition(|child| child.name == "Particle");
    let particles = particles
        .into_iter()
        .map(|element| particle(element, name))
        .collect::<Result<_, _>>()?;
    Ok(ParticleList {
        comments: document.comments,
        particles,
        other,
    })
}

fn particle(element: Element, file: &str) -> Result<Particle, FormatError> {
    let mut particle = Particle {
        file_name: element.attribute("Filename").unwrap_or_default().to_owned(),
        ..Particle::default()
    };
    if element.child("Rotation").is_none() {
        return Err(element.missing("<Rotation>", file));
    }
    for child in element.children {
        match child.name.as_str() {
            "Rotation" => particle.rotation = rotation(&child, file)?,
            "Shift" => particle.shift = triple(&child, AXES, file)?,
            "PickPosition" => particle.pick = Some(pick(&child, file)?),
            "Score" => {
                particle.score = Some(Score {
                    value: child.required_number("Value", file)?,
                    element: child,
                });
            }
            "Class" => particle.class = child.attribute("Name").map(str::to_owned),
            _ => particle.other.push(child),
        }
    }
    Ok(particle)
}

fn rotation(element: &Element, file: &str) -> Result<[f64; 3], FormatError> {
    match element.attribute("Paradigm") {
        None | Some("ZXZ") => triple(element, ROTATION, file),
        Some(other) => Err(FormatError::at(
            file,
            element.line as usize,
            "Paradigm ZXZ",
            quoted(other),
        )),
    }
}

fn triple(element: &Element, names: [&str; 3], file: &str) -> Result<[f64; 3], FormatError> {
    let mut values = [0.0; 3];
    for (slot, name) in values.iter_mut().zip(names) {
        *slot = element.required_number(name, file)?;
    }
    Ok(values)
}

fn pick(element: &Element, file: &str) -> Result<PickPosition, FormatError> {
    let known = |name: &str| AXES.contains(&name) || name == "Origin" || name == "Binning";
    Ok(PickPosition {
        position: triple(element, AXES, file)?,
        origin: element.attribute("Origin").unwrap_or_default().to_owned(),
        binning: element.number("Binning", file)?,
        other: element
            .attributes
            .iter()
            .filter(|(name, _)| !known(name))
            .cloned()
            .collect(),
    })
}

/// Reads a particle list.
pub fn read(path: &Path) -> Result<ParticleList, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a particle list.
pub fn write(list: &ParticleList) -> String {
    let mut root = Element::new::<&str, &str>("ParticleList", []);
    root.children = list
        .particles
        .iter()
        .map(to_element)
        .chain(list.other.iter().cloned())
        .collect();
    xml::write(&Document {
        comments: list.comments.clone(),
        root,
    })
}

fn numbers(names: [&str; 3], values: [f64; 3]) -> impl Iterator<Item = (&str, String)> {
    names
        .into_iter()
        .zip(values.map(|value| exact_number(value, 1)))
}

fn to_element(particle: &Particle) -> Element {
    let mut element = Element::new("Particle", [("Filename", particle.file_name.as_str())]);
    let mut rotation = Element::new("Rotation", numbers(ROTATION, particle.rotation));
    rotation.set_attribute("Paradigm", "ZXZ");
    element.children.push(rotation);
    element
        .children
        .push(Element::new("Shift", numbers(AXES, particle.shift)));
    if let Some(pick) = &particle.pick {
        let mut position = Element::new("PickPosition", numbers(AXES, pick.position));
        position.set_attribute("Origin", pick.origin.clone());
        if let Some(binning) = pick.binning {
            position.set_attribute("Binning", exact_number(binning, 0));
        }
        position.attributes.extend(pick.other.iter().cloned());
        element.children.push(position);
    }
    element.children.extend(particle.other.iter().cloned());
    if let Some(score) = &particle.score {
        let mut child = score.element.clone();
        child.set_attribute("Value", exact_number(score.value, 1));
        element.children.push(child);
    }
    if let Some(class) = &particle.class {
        element
            .children
            .push(Element::new("Class", [("Name", class.as_str())]));
    }
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<ParticleList><Particle Filename=\"p.em\"><Rotation Z1=\"1.5\" Z2=\"2\" X=\"3\" Paradigm=\"ZXZ\"/><Shift X=\"0\" Y=\"-1\" Z=\"0.5\"/><PickPosition X=\"1\" Y=\"2\" Z=\"3\" Origin=\"t.mrc\" Binning=\"4\" RefMarkIndex=\"1\"/><Wedge Type=\"S\"><W A=\"1\"/></Wedge><Score Type=\"FLCF\" Value=\"0.25\"><PeakPrior/></Score><Class Name=\"7\"/></Particle></ParticleList>";

    #[test]
    fn lists_read_back() {
        let list = parse(TEXT, "a.xml").unwrap();
        let particle = &list.particles[0];
        assert_eq!(
            (particle.rotation, particle.shift),
            ([1.5, 2.0, 3.0], [0.0, -1.0, 0.5])
        );
        assert_eq!(particle.pick.as_ref().unwrap().binning, Some(4.0));
        assert_eq!(
            (
                particle.score.as_ref().unwrap().value,
                particle.class.as_deref()
            ),
            (0.25, Some("7"))
        );
        let text = write(&list);
        let back = parse(&text, "b.xml").unwrap();
        assert_eq!(write(&back), text);
        assert_eq!(
            (back.particles[0].rotation, &back.particles[0].pick),
            (particle.rotation, &particle.pick)
        );
        assert_eq!(back.particles[0].other[0].children.len(), 1);
    }

    #[test]
    fn wrong_lists() {
        for (from, to) in [
            ("Z1=\"1.5\"", "Z1=\"x\""),
            ("Z2=\"2\"", ""),
            ("\"ZXZ\"", "\"ZYZ\""),
            ("ParticleList", "List"),
            (" Y=\"-1\"", ""),
        ] {
            assert!(parse(&TEXT.replace(from, to), "a.xml").is_err(), "{from}");
        }
    }
}
