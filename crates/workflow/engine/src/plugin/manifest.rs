//! The manifest of a plug-in.
//!
//! ```toml
//! id = "relion.mask-create"
//! summary = "Make a mask with RELION"
//! methods = "A mask was made with RELION."
//!
//! [program]
//! name = "relion_mask_create"
//!
//! [[input]]
//! name = "map"
//! kind = "map"
//! file = "input.mrc"
//!
//! [[parameter]]
//! name = "threshold"
//! type = "number"
//! default = 0.02
//! help = "Density above which the mask is one"
//!
//! [[argument]]
//! words = ["--i", "input.mrc", "--o", "mask.mrc", "--ini_threshold", "{threshold}"]
//!
//! [[output]]
//! name = "mask"
//! kind = "mask"
//! file = "mask.mrc"
//! check = { same_box_as = "map" }
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::EngineError;

/// A manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `room.verb-noun`, as of any job.
    pub id: String,
    /// What it does, in a line.
    pub summary: String,
    /// More, in paragraphs.
    #[serde(default)]
    pub description: String,
    /// Raised whenever the manifest makes other results.
    #[serde(default = "one")]
    pub version: u32,
    /// The sentence for the paper; `{name}` is a parameter.
    #[serde(default)]
    pub methods: String,
    /// Whom to cite: key and DOI.
    #[serde(default)]
    pub citations: Vec<(String, String)>,
    /// What is run.
    pub program: Program,
    /// What it takes.
    #[serde(default, rename = "input")]
    pub inputs: Vec<InputEntry>,
    /// What can be chosen.
    #[serde(default, rename = "parameter")]
    pub parameters: Vec<ParameterEntry>,
    /// The arguments, group by group.
    #[serde(default, rename = "argument")]
    pub arguments: Vec<Argument>,
    /// What comes out.
    #[serde(default, rename = "output")]
    pub outputs: Vec<OutputEntry>,
}

const fn one() -> u32 {
    1
}

/// The program of a plug-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its name on the path, or its path.
    pub name: String,
    /// Arguments that make it say its version.
    #[serde(default)]
    pub version_arguments: Vec<String>,
    /// The words before the version in what it says.
    #[serde(default)]
    pub version_after: String,
    /// The least version that will do.
    #[serde(default)]
    pub least_version: String,
    /// Words in its output that mean that it failed, whatever its exit code.
    #[serde(default)]
    pub fails_when_it_says: Vec<String>,
    /// Directories that must be there before it starts.
    #[serde(default)]
    pub directories: Vec<String>,
    /// Variables of its environment; `{threads}` is the number of threads.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Other programs that must be there, such as those that it starts; their builds count like its own.
    #[serde(default)]
    pub uses: Vec<String>,
    /// Where it runs, below the working directory; `{item}` may be part of it.
    #[serde(default)]
    pub directory: String,
    /// Lines that it reads from its standard input, where it asks for its parameters.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Programs that prepare the inputs, run before it in the same directory: name and words of each.
    #[serde(default)]
    pub before: Vec<Vec<String>>,
    /// Programs that finish what it wrote, run after it.
    #[serde(default)]
    pub after: Vec<Vec<String>>,
    /// Bytes of memory per byte of input.
    #[serde(default = "ten")]
    pub memory_per_byte: u64,
}

const fn ten() -> u64 {
    10
}

/// A job of the catalogue that carries objects across the border to a program, or back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// Its id, such as `export.relion` or `import.relion-particles`.
    pub job: String,
    /// Its slot, when that has another name.
    pub slot: String,
    /// Its parameters; `{work}` is the directory of the program, `{item}` the item, `{name}` a parameter.
    pub parameters: BTreeMap<String, Value>,
}

/// An input slot, and how it is staged: a map or mask as its MRC file, anything else by an export job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputEntry {
    /// Name of the slot.
    pub name: String,
    /// Kind of the artifact.
    pub kind: String,
    /// File under which the item is staged; with `stage` the directory that the export writes into.
    pub file: String,
    /// The export job that writes it in the program's format. Inputs with the same directory are exported together.
    #[serde(default)]
    pub stage: Option<Exchange>,
    /// Whether it must be filled.
    #[serde(default = "yes")]
    pub required: bool,
    /// Whether the job is mapped over its items.
    #[serde(default)]
    pub each: bool,
    /// What it is.
    #[serde(default)]
    pub help: String,
}

const fn yes() -> bool {
    true
}

/// Type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterType {
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A word.
    Text,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterEntry {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Its value where none is given.
    pub default: Value,
    /// Its unit.
    #[serde(default)]
    pub unit: String,
    /// Least and most.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// The words it may be.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What it is.
    pub help: String,
}

/// A group of arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// The words; `{name}` is a parameter, `{threads}` the number of threads.
    pub words: Vec<String>,
    /// Only when this input is filled, or this parameter is true or not empty.
    #[serde(default)]
    pub when: Option<String>,
    /// Not when this input is filled, or this parameter is true or not empty.
    #[serde(default)]
    pub unless: Option<String>,
}

/// An output slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputEntry {
    /// Name of the slot.
    pub name: String,
    /// Kind of the artifact: `map`, `mask`, `files`, or with `adopt` any other.
    pub kind: String,
    /// The file that the program writes; `{item}` and parameters may be part of its name, `{count:3}` with three digits.
    pub file: String,
    /// The import job that makes an object of it; it gets the inputs of the same names.
    #[serde(default)]
    pub adopt: Option<Exchange>,
    /// What must be true of it.
    #[serde(default)]
    pub check: Check,
    /// What it is.
    #[serde(default)]
    pub help: String,
}

/// What must be true of an output beyond what must be true of all: fresh, whole, finite, not constant in any section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// Box and voxel size are those of this input.
    pub same_box_as: Option<String>,
    /// Sections that must be constant for a good reason, such as those of a mask: only the whole must vary.
    pub sections_may_be_constant: bool,
    /// Least and most that any value may be.
    pub values: Option<[f64; 2]>,
    /// Columns that a STAR table must have, and numbers they must be.
    pub star_columns: Vec<String>,
    /// Least number of rows of that table.
    pub least_rows: usize,
    /// That table has as many rows as the table with the same columns in this staged file.
    pub same_rows_as: Option<String>,
}

impl Manifest {
    /// Reads a manifest; `path` is for messages.
    ///
    /// # Errors
    /// TOML that makes no sense, or names that lead nowhere.
    pub fn parse(text: &str, path: &Path) -> Result<Self, EngineError> {
        let wrong = |message: String| EngineError::Plugin {
            path: path.to_owned(),
            message,
        };
        let manifest: Self = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        manifest.lint().map_err(wrong)?;
        Ok(manifest)
    }

    /// What is wrong with a manifest whose TOML is right.
    fn lint(&self) -> Result<(), String> {
        let inside = |file: &str| {
            let path = Path::new(file);
            let plain = |c: std::path::Component| matches!(c, std::path::Component::Normal(_));
            !file.is_empty() && path.components().all(plain)
        };
        let files = self.inputs.iter().map(|input| &input.file);
        let files = files.chain(self.outputs.iter().map(|output| &output.file));
        for file in files.chain(&self.program.directories) {
            if !inside(file) {
                return Err(format!(
                    "\"{file}\" is not a file below the working directory"
                ));
            }
        }
        if self.outputs.is_empty() {
            return Err("nothing comes out: it has no [[output]]".into());
        }
        let parameter = |name: &str| self.parameters.iter().any(|p| p.name == name);
        let input = |name: &str| self.inputs.iter().any(|i| i.name == name);
        for argument in &self.arguments {
            let mut conditions = argument.when.iter().chain(&argument.unless);
            if let Some(when) = conditions.find(|name| !parameter(name) && !input(name)) {
                return Err(format!("when = \"{when}\": no such input or parameter"));
            }
            let names = |word: &String| placeholders(word).map(str::to_owned).collect::<Vec<_>>();
            let mut names = argument.words.iter().flat_map(names);
            let own = |name: &str| matches!(name, "threads" | "item" | "pixel_size");
            let bare = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
            if let Some(name) = names.find(|name| !own(name) && !parameter(&bare(name))) {
                return Err(format!("{{{name}}}: there is no parameter {name}"));
            }
        }
        let bare = self.inputs.iter().filter(|input| input.stage.is_none());
        for kind in bare.map(|i| &i.kind) {
            if !matches!(kind.as_str(), "map" | "mask") {
                return Err(format!(
                    "inputs of kind {kind} need `stage`; map and mask do not"
                ));
            }
        }
        for output in &self.outputs {
            let bare = matches!(output.kind.as_str(), "map" | "mask" | "tomogram" | "files");
            if !bare && output.adopt.is_none() {
                return Err(format!("outputs of kind {} need `adopt`", output.kind));
            }
            let same = output.check.same_box_as.as_ref();
            if let Some(name) = same.filter(|name| !input(name)) {
                return Err(format!("same_box_as = \"{name}\": no such input"));
            }
        }
        Ok(())
    }

    /// The JSON schema of the parameters.
    pub(super) fn schema(&self) -> Value {
        let property = |entry: &ParameterEntry| {
            let word = match entry.kind {
                ParameterType::Integer => "integer",
                ParameterType::Number => "number",
                ParameterType::Boolean => "boolean",
                ParameterType::Text => "string",
            };
            let mut schema = json!({
                "type": word, "description": entry.help, "default": entry.default,
            });
            if !entry.unit.is_empty() {
                schema["x-unit"] = json!(entry.unit);
            }
            if let Some([least, most]) = entry.range {
                schema["minimum"] = json!(least);
                schema["maximum"] = json!(most);
            }
            if !entry.choices.is_empty() {
                schema["enum"] = json!(entry.choices);
            }
            (entry.name.clone(), schema)
        };
        let properties: serde_json::Map<String, Value> =
            self.parameters.iter().map(property).collect();
        let summary = self.summary.trim_end_matches('.');
        let description = format!("{summary}.\n\n{}", self.description);
        json!({
            "type": "object", "description": description.trim_end(),
            "properties": properties, "additionalProperties": false,
        })
    }
}

/// The names between braces in a word.
pub(super) fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    let parts = word.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name))
}
