//! Compares one description with the facts that the manifest states.
use serde_json::Value;
use thon_inspect::{Description, Kind};

use crate::stated_star;

/// What agreed and what did not.
pub(crate) struct Comparison<'a> {
    description: &'a Description,
    pub(crate) agreed: Vec<&'static str>,
    pub(crate) wrong: Vec<String>,
}

/// The number after `word` in the text.
pub(crate) fn after(text: &str, word: &str) -> Option<f64> {
    let rest = &text[text.find(word)? + word.len()..];
    leading(rest)
}

/// The number before `word` in the text.
pub(crate) fn before(text: &str, word: &str) -> Option<f64> {
    let start = &text[..text.find(word)?];
    start.trim_end().rsplit([' ', '(']).next()?.parse().ok()
}

/// The number a text begins with.
fn leading(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c))
        .unwrap_or(text.len());
    text[..end].trim_end_matches('.').parse().ok()
}

/// The sizes of `512x512x1` anywhere in the text.
fn sizes(text: &str) -> Option<Vec<f64>> {
    let parse = |word: &str| {
        word.split('x')
            .map(|size| size.parse::<f64>().ok())
            .collect::<Option<Vec<f64>>>()
    };
    text.split([' ', ',', ';'])
        .filter_map(parse)
        .find(|sizes| sizes.len() >= 2)
}

/// Equal to the digits that were printed.
fn close(stated: f64, found: f64, decimals: Option<i32>) -> bool {
    let absolute = decimals.map_or(0.0, |decimals| 0.51 * 10_f64.powi(-decimals));
    (stated - found).abs() <= absolute.max(6e-4 * stated.abs().max(found.abs()))
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(description: &'a Description) -> Self {
        Self {
            description,
            agreed: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Compares everything that this text states.
    pub(crate) fn facts(&mut self, text: &str) {
        match text {
            _ if text.starts_with("mdoc:") => self.mdoc(text),
            _ if text.starts_with("MRC") => self.mrc(text),
            _ if text.starts_with("STAR ") => stated_star::compare(self, text),
            _ if text.contains(" rows x ") && !text.contains("Dynamo") => self.numbers(text),
            _ if text.contains("lines of 6 numbers") => self.transforms(text),
            _ if text.contains("residual vectors") => self.residuals(text),
            _ if text.contains("fiducials") => {
                self.stated("fiducials", "fiducials", before(text, " fiducials"), None);
            }
            _ if text.starts_with("text ") => self.lines(after(text, "text ")),
            _ if text.contains("lines (tiltalign") => self.lines(before(text, " lines")),
            _ if text.starts_with("IMOD model") => self.kind("IMOD model", Kind::ImodModel),
            _ if text.starts_with("XML") => self.xml(text),
            _ if text.starts_with("AreTomo") => self.aretomo(text),
            _ if text.starts_with("JSON") => self.json(text),
            _ if text.starts_with("EM ") => self.pixels(Kind::Em, text),
            _ if text.starts_with("TIFF") => self.pixels(Kind::Tiff, text),
            _ if text.starts_with("SPIDER") => self.pixels(Kind::Spider, text),
            _ if text.starts_with("DM3") => self.digital_micrograph(text),
            _ if text.starts_with("Dynamo") => self.dynamo(text),
            _ if text.starts_with("cryoSPARC") => self.cryosparc(text),
            _ if text.contains("model(s)") => self.model(text),
            _ => {}
        }
    }

    pub(crate) fn check(&mut self, name: &'static str, agrees: bool, found: &dyn std::fmt::Debug) {
        if agrees {
            self.agreed.push(name);
        } else {
            self.wrong.push(format!("{name}: found {found:?}"));
        }
    }

    pub(crate) fn fact(&self, key: &str) -> Option<&'a Value> {
        self.description.facts.get(key)
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        key.split('.')
            .try_fold(None::<&Value>, |value, part| {
                Some(Some(match value {
                    None => self.description.facts.get(part)?,
                    Some(value) => value.get(part)?,
                }))
            })??
            .as_f64()
    }

    /// A stated number against a fact; `None` states nothing.
    fn stated(
        &mut self,
        name: &'static str,
        key: &str,
        stated: Option<f64>,
        decimals: Option<i32>,
    ) {
        let Some(stated) = stated else { return };
        let found = self.number(key);
        self.check(
            name,
            found.is_some_and(|found| close(stated, found, decimals)),
            &(stated, found),
        );
    }

    fn kind(&mut self, name: &'static str, kind: Kind) {
        let found = self.description.kind;
        self.check(name, found == kind, &found);
    }

    fn transforms(&mut self, text: &str) {
        match self.description.kind {
            // A file of warping transforms holds more than lines of six numbers.
            Kind::Text | Kind::NumberTable => self.lines(before(text, " lines")),
            _ => self.stated("transforms", "rows", before(text, " lines"), None),
        }
    }

    fn lines(&mut self, stated: Option<f64>) {
        let open = f64::from(u8::from(self.fact("ends_without_line_break").is_some()));
        let found = self.number("lines").map(|lines| lines - open);
        self.check(
            "lines",
            found.is_some() && found == stated,
            &(stated, found),
        );
    }

    fn mdoc(&mut self, text: &str) {
        self.kind("kind", Kind::Mdoc);
        self.stated("mdoc ZValue", "z_values", before(text, " ZValue"), None);
        self.stated(
            "mdoc FrameSet",
            "frame_sets",
            before(text, " FrameSet"),
            None,
        );
        self.stated(
            "mdoc MontSection",
            "montage_sections",
            before(text, " MontSection"),
            None,
        );
        self.stated(
            "mdoc pixel size",
            "pixel_spacing",
            after(text, "PixelSpacing "),
            None,
        );
        self.stated(
            "mdoc tilt",
            "tilt_angles.min",
            after(text, "tilt "),
            Some(1),
        );
        self.stated("mdoc tilt", "tilt_angles.max", after(text, ".."), Some(1));
        let paths = self.number("sub_frame_paths");
        if text.contains("SubFramePath") {
            let stated = !text.contains("no SubFramePath");
            self.check(
                "mdoc frames",
                paths.is_some_and(|paths| (paths > 0.0) == stated),
                &paths,
            );
        }
        let ends = self.fact("line_ends");
        self.check(
            "mdoc line ends",
            (ends == Some(&Value::from("CRLF"))) == text.contains("CRLF"),
            &ends,
        );
    }

    fn mrc(&mut self, text: &str) {
        self.kind("kind", Kind::Mrc);
        self.stated("MRC mode", "mode", after(text, "mode "), None);
        self.dimensions(text);
        let first = |value: &Value| value.get(0).and_then(Value::as_f64).unwrap_or(0.0);
        let voxel = self.fact("voxel_size").map(first);
        if let Some(stated) = after(text, "voxel ") {
            self.check(
                "MRC voxel",
                voxel.is_some_and(|voxel| close(stated, voxel, Some(3))),
                &voxel,
            );
        }
        self.statistics(text);
        self.stated(
            "MRC extended header",
            "extended_header.bytes",
            after(text, "ext. header "),
            None,
        );
        if text.contains("missing/short") {
            let doubted = self
                .description
                .doubts
                .iter()
                .any(|doubt| doubt.contains("section"));
            self.check("MRC short", doubted, &self.description.doubts);
            self.stated("MRC short", "bytes", after(text, "short ("), None);
        }
    }

    fn dimensions(&mut self, text: &str) {
        let Some(stated) = sizes(text) else { return };
        let found: Option<Vec<f64>> = self
            .fact("dimensions")
            .and_then(Value::as_array)
            .map(|sizes| sizes.iter().filter_map(Value::as_f64).collect());
        let agrees = found.as_ref().is_some_and(|found| {
            let rest = &found[stated.len().min(found.len())..];
            found.starts_with(&stated) && rest.iter().all(|size| *size == 1.0)
        });
        self.check("dimensions", agrees, &(stated, found));
    }

    fn statistics(&mut self, text: &str) {
        for (word, key) in [
            ("min ", "min"),
            ("max ", "max"),
            (" mean ", "mean"),
            (" sd ", "sd"),
        ] {
            let Some(stated) = after(text, word) else {
                continue;
            };
            let unsigned = self.fact("sample_type") == Some(&Value::from("uint8")) && stated < 0.0;
            // Mode 0 with the maximum 163 in its header: the other reader took the bytes as signed.
            let stated = if unsigned { stated + 256.0 } else { stated };
            let found = self.number(&format!("statistics.{key}"));
            let spread = self.number("statistics.sd").unwrap_or(0.0);
            // A mean far below the spread is only as exact as the sum of the other reader.
            let agrees = found.is_some_and(|found| {
                close(stated, found, None) || (found - stated).abs() < 1e-7 * spread
            });
            self.check("statistics", agrees, &(key, stated, found));
        }
    }

    fn numbers(&mut self, text: &str) {
        let Some(rows) = before(text, " rows x ") else {
            return;
        };
        self.stated("rows", "rows", Some(rows), None);
        self.stated("columns", "columns", after(text, " rows x "), None);
        for (key, stated) in [("first", after(text, ", ")), ("last", after(text, " .. "))] {
            let found = self
                .fact(key)
                .and_then(|row| row.get(0))
                .and_then(Value::as_f64);
            let agrees = stated
                .zip(found)
                .is_some_and(|(stated, found)| close(stated, found, Some(2)));
            self.check("first and last", agrees, &(stated, found));
        }
    }

    fn residuals(&mut self, text: &str) {
        self.stated("residuals", "residuals", before(text, " residual"), None);
        self.stated("residuals", "views", before(text, " views"), None);
        self.stated(
            "residuals",
            "mean_residual_px",
            after(text, "|r| "),
            Some(3),
        );
    }

    fn xml(&mut self, text: &str) {
        self.kind("kind", Kind::Xml);
        let root = text.split(['<', '>']).nth(1).unwrap_or_default();
        if root != "?" {
            let found = self.fact("root");
            self.check("XML root", found == Some(&Value::from(root)), &found);
        }
        for (word, name) in [(" TiltPS1D", "TiltPS1D"), (" grid nodes", "Node")] {
            let Some(stated) = before(text, word) else {
                continue;
            };
            let counts = self.fact("elements_by_name").and_then(Value::as_array);
            let found =
                counts.and_then(|counts| counts.iter().find_map(|count| count.get(name)?.as_f64()));
            self.check(
                "XML elements",
                found.unwrap_or(0.0) == stated,
                &(name, stated, found),
            );
        }
    }

    fn aretomo(&mut self, text: &str) {
        self.kind("kind", Kind::AretomoAlignment);
        self.stated("AreTomo patches", "patches", after(text, "patches "), None);
        self.stated(
            "AreTomo dark frames",
            "dark_frames",
            after(text, "dark frames "),
            None,
        );
        let size: Vec<f64> = text
            .split([' ', ','])
            .skip(2)
            .map_while(|word| word.parse().ok())
            .collect();
        if size.len() == 3 {
            let found = self.fact("raw_size");
            self.check(
                "AreTomo size",
                found.is_some_and(|found| (0..3).all(|i| found[i].as_f64() == Some(size[i]))),
                &found,
            );
        }
    }

    fn json(&mut self, text: &str) {
        self.kind("kind", Kind::Json);
        self.stated("bytes", "bytes", after(text, "JSON "), None);
    }

    fn pixels(&mut self, kind: Kind, text: &str) {
        self.kind("kind", kind);
        self.dimensions(text);
        self.statistics(text);
        self.stated("pages", "sections", before(text, " page"), None);
        let stated = text
            .split([' ', ',', ':'])
            .find(|word| word.starts_with("float") || word.starts_with("uint"));
        let found = self.fact("sample_type");
        self.check(
            "sample type",
            stated.is_some() && found.and_then(Value::as_str) == stated,
            &(stated, found),
        );
    }

    fn digital_micrograph(&mut self, text: &str) {
        self.kind("kind", Kind::DigitalMicrograph);
        let inside = text.split(['(', ')']).nth(1).unwrap_or_default();
        let mut stated: Vec<f64> = inside
            .split(", ")
            .filter_map(|size| size.parse().ok())
            .collect();
        let found: Option<Vec<f64>> = self
            .fact("dimensions")
            .and_then(Value::as_array)
            .map(|sizes| sizes.iter().filter_map(Value::as_f64).collect());
        let mut sorted = found.clone().unwrap_or_default();
        sorted.retain(|size| *size != 1.0);
        sorted.sort_by(f64::total_cmp);
        stated.sort_by(f64::total_cmp);
        self.check("dimensions", sorted == stated, &(stated, found));
        if let Some(micrometres) = after(text, " x ") {
            let found = self.fact("pixel_size").and_then(Value::as_f64);
            self.check(
                "DM pixel size",
                found.is_some_and(|size| close(micrometres * 1e4, size, None)),
                &found,
            );
        }
    }

    fn dynamo(&mut self, text: &str) {
        self.kind("kind", Kind::DynamoTable);
        self.stated("rows", "rows", before(text, " rows"), None);
        self.stated("columns", "columns", after(text, " rows x "), None);
    }

    fn cryosparc(&mut self, text: &str) {
        self.kind("kind", Kind::CryosparcTable);
        self.stated("rows", "rows", before(text, " rows"), None);
        self.stated("fields", "fields", before(text, " fields"), None);
    }

    fn model(&mut self, text: &str) {
        self.kind("kind", Kind::AtomicModel);
        self.stated("models", "models", before(text, " model(s)"), None);
        self.stated("chains", "chains", before(text, " chains"), None);
        self.stated("atoms", "atoms", before(text, " atoms"), None);
        self.stated(
            "operators",
            "assembly_operators",
            after(text, "operators "),
            None,
        );
    }
}
