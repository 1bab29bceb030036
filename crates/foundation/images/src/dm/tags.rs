//! The tag tree: groups of named or unnamed tags; values; arrays that stay in the file.

use serde::Serialize;

use crate::SampleKind;

/// An array of plain values that stays in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TagArray {
    /// Type of the values; booleans and characters are bytes.
    pub kind: SampleKind,
    /// Number of values.
    pub count: u64,
    /// Offset of the first value in the file.
    pub offset: u64,
}

/// A node of the tag tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Tag {
    /// Tags in file order; unnamed ones have an empty name.
    Group(Vec<(String, Tag)>),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A floating-point number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A text (short arrays of 16-bit characters are texts too).
    Text(String),
    /// A structure of values.
    Structure(Vec<Tag>),
    /// A long array of plain values.
    Array(TagArray),
    /// An array of structures, of which only the size in bytes is kept.
    Structures {
        /// Number of structures.
        count: u64,
        /// Bytes of all.
        bytes: u64,
    },
}

impl Tag {
    /// The tag at a path such as `ImageList/1/ImageData/DataType`. A step that is a number and no name counts the
    /// tags of its group.
    pub fn find(&self, path: &str) -> Option<&Tag> {
        path.split('/').try_fold(self, |tag, step| {
            let Tag::Group(children) = tag else {
                return None;
            };
            let named = children.iter().find(|(name, _)| name == step);
            let counted = || step.parse().ok().and_then(|i: usize| children.get(i));
            named.or_else(counted).map(|(_, child)| child)
        })
    }

    /// The children of a group, else nothing.
    pub fn children(&self) -> &[(String, Tag)] {
        match self {
            Self::Group(children) => children,
            _ => &[],
        }
    }

    /// A number of any type.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(v) => Some(*v as f64),
            Self::Unsigned(v) => Some(*v as f64),
            Self::Float(v) => Some(*v),
            _ => None,
        }
    }

    /// A number that is not negative and whole.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Integer(v) => u64::try_from(*v).ok(),
            Self::Unsigned(v) => Some(*v),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
