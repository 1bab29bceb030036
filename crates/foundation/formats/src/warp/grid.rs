//! Grids of Warp: values on a lattice over the image (x, y), depth or tilt (z), and dose (w), interpolated by
//! Warp with cubic splines. Only the nodes are read here.

use crate::error::FormatError;
use crate::text::exact_number;
use crate::xml::Element;

/// A grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Nodes along x, y, z, w.
    pub size: [usize; 4],
    /// `Duration` attribute, when the grid is four-dimensional.
    pub duration: Option<usize>,
    /// `MarginX`, `MarginY`, `MarginZ`, when given.
    pub margins: Option<[f64; 3]>,
    /// Nodes in file order.
    pub nodes: Vec<GridNode>,
}

/// One node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridNode {
    /// Index along x, y, z, w.
    pub position: [usize; 4],
    /// Value at the node.
    pub value: f64,
}

const SIZES: [&str; 4] = ["Width", "Height", "Depth", "Duration"];
const AXES: [&str; 4] = ["X", "Y", "Z", "W"];
const MARGINS: [&str; 3] = ["MarginX", "MarginY", "MarginZ"];

pub(super) fn from_element(element: &Element, file: &str) -> Result<Grid, FormatError> {
    let mut size = [1; 4];
    for (slot, name) in size.iter_mut().zip(SIZES) {
        if let Some(value) = element.number(name, file)? {
            *slot = index(element, value, name, file)?;
        }
    }
    let margins = match element.attribute(MARGINS[0]) {
        Some(_) => {
            let mut margins = [0.0; 3];
            for (slot, name) in margins.iter_mut().zip(MARGINS) {
                *slot = element.number(name, file)?.unwrap_or(0.0);
            }
            Some(margins)
        }
        None => None,
    };
    let nodes = element
        .children_named("Node")
        .map(|node| grid_node(node, size, file))
        .collect::<Result<_, _>>()?;
    let duration = element.attribute("Duration").map(|_| size[3]);
    Ok(Grid {
        size,
        duration,
        margins,
        nodes,
    })
}

fn grid_node(node: &Element, size: [usize; 4], file: &str) -> Result<GridNode, FormatError> {
    let mut position = [0; 4];
    for ((slot, name), count) in position.iter_mut().zip(AXES).zip(size) {
        if let Some(value) = node.number(name, file)? {
            *slot = index(node, value, name, file)?;
        }
        if *slot >= count {
            return Err(FormatError::at(
                file,
                node.line as usize,
                format!("{name} below {count}, the size of the grid"),
                slot.to_string(),
            ));
        }
    }
    Ok(GridNode {
        position,
        value: node.required_number("Value", file)?,
    })
}

fn index(element: &Element, value: f64, what: &str, file: &str) -> Result<usize, FormatError> {
    let whole = value.fract() == 0.0 && (0.0..1e9).contains(&value);
    if whole {
        Ok(value as usize)
    } else {
        Err(FormatError::at(
            file,
            element.line as usize,
            format!("a whole number for {what}"),
            value.to_string(),
        ))
    }
}

pub(super) fn to_element(name: &str, grid: &Grid) -> Element {
    let axes = if grid.duration.is_some() { 4 } else { 3 };
    let mut element = Element::new(
        name,
        SIZES
            .into_iter()
            .zip(grid.size)
            .take(axes)
            .map(|(name, size)| (name, size.to_string())),
    );
    for (name, margin) in MARGINS.into_iter().zip(grid.margins.into_iter().flatten()) {
        element.set_attribute(name, exact_number(margin, 0));
    }
    for node in &grid.nodes {
        let mut child = Element::new(
            "Node",
            AXES.into_iter()
                .zip(node.position)
                .take(axes)
                .map(|(name, index)| (name, index.to_string())),
        );
        child.set_attribute("Value", exact_number(node.value, 0));
        element.children.push(child);
    }
    element
}
