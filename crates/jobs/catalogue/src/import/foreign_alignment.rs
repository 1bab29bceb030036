//! What another program's files say of the images of one tilt series: the reader behind `tilt_series.adopt`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::{Context, JobError};
use thon_interop::Imported;
use thon_interop::aretomo::{AretomoImport, read_aretomo};
use thon_interop::imod::{EtomoImport, read_directory};
use thon_interop::relion::{TiltSeriesImport, read_tilt_series};
use thon_model::TiltSeries;
use thon_units::Degrees;

use super::given_files::{expand, images_as_given, remarks, stopped};
use super::metadata_of;

/// Files of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// A table of tilt series of RELION 4 or 5.
    Relion,
    /// An eTomo directory of IMOD.
    Imod,
    /// An `.aln` of AreTomo.
    Aretomo,
}

/// Where an alignment lies; `{name}` stands for the name of the tilt series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The program.
    pub format: Format,
    /// The file or directory.
    pub path: &'a str,
    /// AreTomo's table of defocus.
    pub ctf: Option<&'a str>,
}

/// What was read.
#[derive(Clone, Debug)]
pub(crate) struct ForeignAlignment {
    /// The series as the other program knows it.
    pub series: TiltSeries,
    /// Angle that the other program added to every tilt.
    pub tilt_offset: Degrees,
    /// What could not be kept, and what was decided.
    pub remarks: Vec<String>,
}

impl Source<'_> {
    /// The file or directory of one series.
    pub(crate) fn of(&self, name: &str) -> PathBuf {
        PathBuf::from(self.path.replace("{name}", name))
    }

    /// Reads what belongs to `series`.
    pub(crate) fn read(
        &self,
        series: &TiltSeries,
        context: &Context,
    ) -> Result<ForeignAlignment, JobError> {
        let given = self.of(&series.name);
        let mut read = self.read_files(&given, series, context)?;
        // Only the evidence of the hand is kept of the source's paths.
        images_as_given(&mut read.value, &given, context);
        let remarks = remarks(&read, context);
        // AreTomo states its offset; a series of another program has none.
        let offset = read
            .value
            .carried_global
            .value("AlphaOffset", 0)
            .and_then(|text| text.parse().ok());
        Ok(ForeignAlignment {
            series: read.value,
            tilt_offset: Degrees(offset.unwrap_or(0.0)),
            remarks,
        })
    }

    fn read_files(
        &self,
        given: &Path,
        series: &TiltSeries,
        context: &Context,
    ) -> Result<Imported<TiltSeries>, JobError> {
        let path = context.resolve(given);
        let image_size = Some(series.image_size).filter(|size| *size != [0, 0]);
        match self.format {
            Format::Relion => {
                let sets = read_tilt_series(
                    &path,
                    &TiltSeriesImport {
                        root: None,
                        image_size,
                    },
                )
                .map_err(stopped)?;
                one_of(sets, &series.name, given)
            }
            Format::Imod => {
                let own = [".tlt", ".rawtlt"]
                    .iter()
                    .any(|end| path.join(format!("{}{end}", series.name)).is_file());
                let options = EtomoImport {
                    name: own.then(|| series.name.clone()),
                    pixel_size: Some(series.pixel_size),
                    image_size,
                    optics: Some(series.optics),
                };
                read_directory(&path, &options).map_err(stopped)
            }
            Format::Aretomo => {
                let options = AretomoImport {
                    pixel_size: series.pixel_size,
                    stack: None,
                    ctf: self.defocus_table(given, &series.name, context),
                    volume_size: None,
                    optics: series.optics,
                };
                read_aretomo(&path, &options).map_err(stopped)
            }
        }
    }

    fn defocus_table(&self, given: &Path, name: &str, context: &Context) -> Option<PathBuf> {
        if let Some(template) = self.ctf {
            return Some(context.resolve(Path::new(&template.replace("{name}", name))));
        }
        let stem = given.file_stem()?.to_string_lossy().into_owned();
        let beside = context.resolve(&given.with_file_name(format!("{stem}_CTF.txt")));
        beside.is_file().then_some(beside)
    }

    /// The files of all series: the templates with any name.
    pub(crate) fn files(&self, context: &Context) -> Vec<PathBuf> {
        let any = |template: &str| template.replace("{name}", "*");
        let mut patterns = vec![any(self.path)];
        patterns.extend(self.ctf.map(any));
        if self.format == Format::Aretomo && self.ctf.is_none() {
            patterns.push(any(self.path.trim_end_matches(".aln")) + "_CTF.txt");
        }
        let mut files = Vec::new();
        for pattern in patterns.into_iter().filter(|pattern| !pattern.is_empty()) {
            for path in expand(&[pattern], context).unwrap_or_default() {
                files.extend(metadata_of(&path, context));
            }
        }
        files.sort();
        files.dedup();
        files
    }
}

/// The series of this name in a table of several.
fn one_of(
    sets: Imported<Vec<TiltSeries>>,
    name: &str,
    given: &Path,
) -> Result<Imported<TiltSeries>, JobError> {
    let names: Vec<&str> = sets.value.iter().map(|one| one.name.as_str()).collect();
    let Some(index) = names.iter().position(|own| *own == name) else {
        let found = names.join(", ");
        return Err(JobError::data(format!(
            "{}: expected a tilt series {name}, found {found}",
            given.display()
        )));
    };
    Ok(sets.map(|mut all| all.swap_remove(index)))
}
