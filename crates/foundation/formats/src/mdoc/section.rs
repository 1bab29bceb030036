//! One section of an mdoc with typed access to the keys of the field.

use super::{DateTime, Item};
use crate::error::{FormatError, quoted};
use crate::text::{number_tokens, parse_f64};

/// What a section describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionKind {
    /// One image of a stack, `[ZValue = n]`.
    ZValue,
    /// One frame file, `[FrameSet = n]`.
    FrameSet,
    /// One montage, `[MontSection = n]`.
    MontSection,
    /// Any other bracketed name.
    Other(String),
}

impl SectionKind {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "ZValue" => Self::ZValue,
            "FrameSet" => Self::FrameSet,
            "MontSection" => Self::MontSection,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Name in the file.
    pub fn name(&self) -> &str {
        match self {
            Self::ZValue => "ZValue",
            Self::FrameSet => "FrameSet",
            Self::MontSection => "MontSection",
            Self::Other(name) => name,
        }
    }
}

/// Dose per frame of a run of frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameDose {
    /// Dose of each frame, e/Å².
    pub dose: f64,
    /// Number of frames with this dose.
    pub frames: usize,
}

/// One section: kind, number, and its lines in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it describes.
    pub kind: SectionKind,
    /// Text after `=` in the brackets, usually a number.
    pub value: String,
    /// Lines of the section.
    pub items: Vec<Item>,
    /// 1-based line of the bracket in the file read; 0 when new.
    pub line: usize,
    file: String,
}

impl Section {
    /// New section followed by these keys and a blank line.
    pub fn new<K: Into<String>, V: Into<String>>(
        kind: SectionKind,
        value: usize,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut items: Vec<Item> = entries
            .into_iter()
            .map(|(key, value)| Item::entry(key, value))
            .collect();
        items.push(Item::Blank);
        Self {
            kind,
            value: value.to_string(),
            items,
            line: 0,
            file: String::new(),
        }
    }

    pub(super) fn parsed(kind: SectionKind, value: &str, file: &str) -> Self {
        Self {
            kind,
            value: value.to_owned(),
            items: Vec::new(),
            line: 0,
            file: file.to_owned(),
        }
    }

    /// The number in the brackets, if it is one.
    pub fn index(&self) -> Option<usize> {
        self.value.parse().ok()
    }

    /// Keys and values in file order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().filter_map(|item| match item {
            Item::Entry { key, value, .. } => Some((key.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// First value of this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries()
            .find(|(own, _)| *own == key)
            .map(|(_, value)| value)
    }

    /// Changes the first value of this key, or adds the key after the last entry.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        set(&mut self.items, key, value.into());
    }

    /// Value of this key as a number: `None` when absent or empty, an error when it is no number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, FormatError> {
        self.get(key)
            .filter(|value| !value.is_empty())
            .map(|value| number(&self.place(), key, value))
            .transpose()
    }

    /// Value of this key as a list of numbers.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, FormatError> {
        self.get(key)
            .filter(|value| !value.is_empty())
            .map(|value| numbers(&self.place(), key, value))
            .transpose()
    }

    /// Value of this key as two numbers, such as `ImageShift` or `StagePosition`.
    pub fn pair(&self, key: &str) -> Result<Option<[f64; 2]>, FormatError> {
        let Some(values) = self.numbers(key)? else {
            return Ok(None);
        };
        let count = values.len();
        values.try_into().map(Some).map_err(|_| {
            FormatError::whole(
                &self.place(),
                format!("two numbers for {key}"),
                format!("{count}"),
            )
        })
    }

    fn place(&self) -> String {
        format!(
            "{}:{} [{} = {}]",
            self.file,
            self.line,
            self.kind.name(),
            self.value
        )
    }

    /// `TiltAngle`, degrees.
    pub fn tilt_angle(&self) -> Result<Option<f64>, FormatError> {
        self.number("TiltAngle")
    }

    /// `PixelSpacing`, Å.
    pub fn pixel_spacing(&self) -> Result<Option<f64>, FormatError> {
        self.number("PixelSpacing")
    }

    /// `ExposureDose`, e/Å²; SerialEM writes 0 when it was not calibrated.
    pub fn exposure_dose(&self) -> Result<Option<f64>, FormatError> {
        self.number("ExposureDose")
    }

    /// `PriorRecordDose`, e/Å² accumulated before this image.
    pub fn prior_record_dose(&self) -> Result<Option<f64>, FormatError> {
        self.number("PriorRecordDose")
    }

    /// `RotationAngle`, degrees: direction of the image x axis on the stage.
    pub fn rotation_angle(&self) -> Result<Option<f64>, FormatError> {
        self.number("RotationAngle")
    }

    /// `Defocus` as the microscope applies it, µm, negative = underfocus.
    pub fn defocus(&self) -> Result<Option<f64>, FormatError> {
        self.number("Defocus")
    }

    /// `TargetDefocus`, µm, negative = underfocus.
    pub fn target_defocus(&self) -> Result<Option<f64>, FormatError> {
        self.number("TargetDefocus")
    }

    /// `NumSubFrames`.
    pub fn sub_frames(&self) -> Result<Option<usize>, FormatError> {
        let count = self.number("NumSubFrames")?;
        count
            .map(|value| {
                frames(value).ok_or_else(|| {
                    FormatError::whole(&self.place(), "a count for NumSubFrames", value.to_string())
                })
            })
            .transpose()
    }

    /// `DateTime` of the image; an error when it is there but not understood.
    pub fn date_time(&self) -> Result<Option<DateTime>, FormatError> {
        let Some(text) = self.get("DateTime").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        DateTime::parse(text).map(Some).ok_or_else(|| {
            FormatError::whole(
                &self.place(),
                "DateTime as dd-Mon-yyyy hh:mm:ss",
                quoted(text),
            )
        })
    }

    /// `SubFramePath` as in the file.
    pub fn sub_frame_path(&self) -> Option<&str> {
        self.get("SubFramePath").filter(|path| !path.is_empty())
    }

    /// Last component of `SubFramePath`, after any `\` or `/`: the name of the frame file.
    pub fn sub_frame_name(&self) -> Option<&str> {
        self.sub_frame_path()?
            .trim_end_matches(['\\', '/'])
            .rsplit(['\\', '/'])
            .next()
            .filter(|name| !name.is_empty())
    }

    /// `FrameDosesAndNumber` (also spelled `…Numbers`): runs of frames with the dose of each frame.
    pub fn frame_doses(&self) -> Result<Vec<FrameDose>, FormatError> {
        let key = if self.get("FrameDosesAndNumber").is_some() {
            "FrameDosesAndNumber"
        } else {
            "FrameDosesAndNumbers"
        };
        let values = self.numbers(key)?.unwrap_or_default();
        let runs = values.chunks(2).map(|pair| {
            Some(FrameDose {
                dose: pair[0],
                frames: frames(*pair.get(1)?)?,
            })
        });
        runs.collect::<Option<Vec<_>>>().ok_or_else(|| {
            FormatError::whole(
                &self.place(),
                format!("pairs of dose and count for {key}"),
                quoted(self.get(key).unwrap_or_default()),
            )
        })
    }
}

/// A number of frames from a number of the file.
fn frames(value: f64) -> Option<usize> {
    (value >= 0.0 && value.fract() == 0.0 && value < 1e9).then_some(value as usize)
}

pub(super) fn number(place: &str, key: &str, value: &str) -> Result<f64, FormatError> {
    parse_f64(value)
        .ok_or_else(|| FormatError::whole(place, format!("a number for {key}"), quoted(value)))
}

pub(super) fn numbers(place: &str, key: &str, value: &str) -> Result<Vec<f64>, FormatError> {
    number_tokens(value)
        .map(|token| number(place, key, token))
        .collect()
}

pub(super) fn set(items: &mut Vec<Item>, key: &str, new: String) {
    for item in items.iter_mut() {
        if let Item::Entry {
            key: own, value, ..
        } = item
            && own == key
        {
            *value = new;
            return;
        }
    }
    let last = items
        .iter()
        .rposition(|item| matches!(item, Item::Entry { .. }));
    items.insert(last.map_or(0, |index| index + 1), Item::entry(key, new));
}
