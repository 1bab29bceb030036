//! Artifacts: typed, named items that pass from job to job.
//!
//! An artifact is a *set* of items of one [`Kind`] (tilt series, tomograms, maps, …). Each item is
//! one main file and its companions; what the job code holds is only a reference to it.
//!
//! [`Each<K>`] in a job's inputs means "one item at a time": the engine maps the job over the set,
//! matching several `Each` inputs by item name. [`Artifact<K>`] hands over the whole set.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{Context, JobError};

/// A kind of artifact: its name and how an item is kept on disk.
pub trait Kind: Send + Sync + 'static {
    /// Name on every surface, kebab-case: `tilt-series`.
    const NAME: &'static str;
    /// What an item is in memory.
    type Value: Send + 'static;

    /// Reads an item from its main file.
    fn read(path: &Path, context: &Context) -> Result<Self::Value, JobError>;

    /// Writes an item into the unit's directory; returns its files, the main one first, as paths
    /// relative to that directory.
    fn write(name: &str, value: &Self::Value, context: &Context) -> Result<Vec<PathBuf>, JobError>;
}

/// One item on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Name, unique in its set.
    pub name: String,
    /// Main file first; relative to the project (or absolute, for a plain file handed in).
    pub files: Vec<PathBuf>,
    /// BLAKE3 over the contents of all files, in hexadecimal.
    pub digest: String,
}

/// Something that went in and did not come out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Name of the item or row.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What fills an input slot or came out of an output slot: items of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// [`Kind::NAME`].
    pub kind: String,
    /// The items, sorted by name.
    pub items: Vec<ItemRecord>,
}

/// A reference to one item.
#[derive(Clone, Debug)]
pub struct Item<K> {
    /// Where it is.
    pub record: ItemRecord,
    kind: PhantomData<K>,
}

impl<K: Kind> Item<K> {
    /// Wraps a record.
    pub fn new(record: ItemRecord) -> Self {
        Self {
            record,
            kind: PhantomData,
        }
    }

    /// Name of the item.
    pub fn name(&self) -> &str {
        &self.record.name
    }
}

macro_rules! input_slot {
    ($(#[$doc:meta])* $name:ident, each = $each:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(try_from = "SlotRecord", into = "SlotRecord", bound = "K: Kind + Clone")]
        pub struct $name<K: Kind> {
            items: Vec<Item<K>>,
        }

        impl<K: Kind> TryFrom<SlotRecord> for $name<K> {
            type Error = String;
            fn try_from(slot: SlotRecord) -> Result<Self, String> {
                if slot.kind != K::NAME {
                    return Err(format!("expected an artifact of kind {}, found {}", K::NAME, slot.kind));
                }
                if $each && slot.items.len() != 1 {
                    return Err(format!("expected one {}, found {}", K::NAME, slot.items.len()));
                }
                Ok(Self { items: slot.items.into_iter().map(Item::new).collect() })
            }
        }

        impl<K: Kind> From<$name<K>> for SlotRecord {
            fn from(slot: $name<K>) -> Self {
                Self { kind: K::NAME.into(), items: slot.items.into_iter().map(|i| i.record).collect() }
            }
        }

        impl<K: Kind> JsonSchema for $name<K> {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                format!("{}-{}", stringify!($name), K::NAME).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "object", "x-artifact": K::NAME, "x-each": $each })
            }
        }
    };
}

input_slot!(
    /// A whole set of items.
    Artifact, each = false
);
input_slot!(
    /// One item at a time; the engine maps the job over the set.
    Each, each = true
);

impl<K: Kind> Artifact<K> {
    /// The items, sorted by name.
    pub fn items(&self) -> &[Item<K>] {
        &self.items
    }

    /// The one item of a set that must hold exactly one.
    pub fn single(&self) -> Result<&Item<K>, JobError> {
        match self.items.as_slice() {
            [item] => Ok(item),
            items => Err(JobError::data(format!(
                "expected one {}, found {}",
                K::NAME,
                items.len()
            ))),
        }
    }
}

impl<K: Kind> Each<K> {
    /// The item of this unit.
    pub fn item(&self) -> &Item<K> {
        &self.items[0]
    }
}

/// Items that a unit wrote into one output slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Output<K: Kind> {
    /// The items; files relative to the unit's directory.
    pub items: Vec<ItemRecord>,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K: Kind> Output<K> {
    /// An output without items.
    pub fn empty() -> Self {
        Self {
            items: Vec::new(),
            kind: PhantomData,
        }
    }

    /// An output of the given items.
    pub fn of(items: Vec<ItemRecord>) -> Self {
        Self {
            items,
            kind: PhantomData,
        }
    }
}

impl<K: Kind> JsonSchema for Output<K> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Output-{}", K::NAME).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-artifact": K::NAME })
    }
}
