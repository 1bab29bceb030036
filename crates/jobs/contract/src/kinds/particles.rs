//! A particle set: a small JSON header, and columns in a stored (uncompressed) npz beside it.
//!
//! | array | shape | meaning |
//! |---|---|---|
//! | `position` | n × 3 | Å in the specimen frame, (x, y, z) |
//! | `rotation` | n × 4 | reference → specimen, unit quaternion (x, y, z, w) |
//! | `tilt_series` | n | index into the header's names |
//! | `half`, `class` | n or 0 | half set 1 or 2; class from 1 |
//! | `box.position`, `box.rotation` | n or 0 | where each stored box was cut, and its axes → specimen |
//! | `images.section` | n or 0 | section of each particle's file, from 0 |
//! | `images.ctf` | n × 6 or 0 | defocus u, v (Å), angle, phase shift (radians), scale, B (Å²) |
//! | `NAME.text`, `NAME.ends` | | text column: all values end to end, and where each ends |
//!
//! Text columns are `name`, `carried.K` (K-th carried column), `images.path`, `images.ctf_path` and
//! `images.visible`. `numpy.load` reads the file as it is.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use thon_geometry::glam::{DQuat, DVec3};
use thon_geometry::{Point, Pose, Rotation};
use thon_images::Samples;
use thon_images::npy::{NpzFile, write_npz};
use thon_model::{Ctf, Half, ParticleSet};
use thon_units::{Angstrom, Radians, SquareAngstrom};

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// A [`ParticleSet`].
#[derive(Clone, Copy, Debug)]
pub enum ParticlesKind {}

impl Kind for ParticlesKind {
    const NAME: &'static str = "particles";
    type Value = ParticleSet;

    fn read(path: &Path, _: &Context) -> Result<ParticleSet, JobError> {
        let header: ParticleSet = read_json(path)?;
        Columns::open(&path.with_extension("npz"))?.fill(header)
    }

    fn write(name: &str, value: &ParticleSet, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let (header, columns) = (
            format!("{name}.particles.json"),
            format!("{name}.particles.npz"),
        );
        write_json(&header, &header_of(value), context)?;
        let path = context.file(&columns)?;
        let arrays = arrays_of(value);
        let listed: Vec<(&str, &[usize], &Samples)> = arrays
            .iter()
            .map(|(name, shape, samples)| (name.as_str(), shape.as_slice(), samples))
            .collect();
        let file = File::create(&path).map_err(|e| JobError::file(&path, e))?;
        write_npz(BufWriter::new(file), &listed, false).map_err(|e| JobError::file(&path, e))?;
        Ok(vec![header.into(), columns.into()])
    }
}

/// The set without its columns; labels stay.
fn header_of(set: &ParticleSet) -> ParticleSet {
    let mut header = ParticleSet {
        tilt_series_names: set.tilt_series_names.clone(),
        oriented: set.oriented,
        optics: set.optics,
        images: set.images.clone(),
        carried: set.carried.clone(),
        carried_optics: set.carried_optics.clone(),
        carried_general: set.carried_general.clone(),
        ..ParticleSet::default()
    };
    for column in &mut header.carried.columns {
        column.values.clear();
    }
    if let Some(images) = &mut header.images {
        images.paths.clear();
        images.sections.clear();
        images.ctf_paths.clear();
        images.ctfs.clear();
        images.visible.clear();
        images.boxes.clear();
    }
    header
}

type Array = (String, Vec<usize>, Samples);

fn arrays_of(set: &ParticleSet) -> Vec<Array> {
    let n = set.len();
    let halves: Vec<u8> = set
        .halves
        .iter()
        .map(|half| if *half == Half::One { 1 } else { 2 })
        .collect();
    let [position, rotation] = places(["position", "rotation"], &set.poses);
    let mut arrays = vec![
        position,
        rotation,
        (
            "tilt_series".into(),
            vec![n],
            Samples::U32(set.tilt_series.clone()),
        ),
        ("half".into(), vec![halves.len()], Samples::U8(halves)),
        (
            "class".into(),
            vec![set.classes.len()],
            Samples::U32(set.classes.clone()),
        ),
    ];
    arrays.extend(text("name", set.names.iter().map(String::as_str)));
    for (k, column) in set.carried.columns.iter().enumerate() {
        arrays.extend(text(
            &format!("carried.{k}"),
            column.values.iter().map(String::as_str),
        ));
    }
    if let Some(images) = &set.images {
        let paths = |paths: &[PathBuf]| {
            paths
                .iter()
                .map(|p| p.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        let flags = |visible: &Vec<bool>| {
            visible
                .iter()
                .map(|&v| if v { '1' } else { '0' })
                .collect::<String>()
        };
        let visible: Vec<String> = images.visible.iter().map(flags).collect();
        arrays.extend(text(
            "images.path",
            paths(&images.paths).iter().map(String::as_str),
        ));
        arrays.extend(text(
            "images.ctf_path",
            paths(&images.ctf_paths).iter().map(String::as_str),
        ));
        arrays.extend(text("images.visible", visible.iter().map(String::as_str)));
        arrays.extend(places(["box.position", "box.rotation"], &images.boxes));
        arrays.push((
            "images.section".into(),
            vec![images.sections.len()],
            Samples::U32(images.sections.clone()),
        ));
        let numbers = images.ctfs.iter().flat_map(numbers_of);
        arrays.push((
            CTF.into(),
            vec![images.ctfs.len(), 6],
            Samples::F64(numbers.collect()),
        ));
    }
    arrays
}

/// Name of the array of CTFs.
const CTF: &str = "images.ctf";

fn numbers_of(ctf: &Ctf) -> [f64; 6] {
    [
        ctf.defocus_u.0,
        ctf.defocus_v.0,
        ctf.defocus_angle.0,
        ctf.phase_shift.0,
        ctf.scale,
        ctf.b_factor.0,
    ]
}

fn ctf_of(numbers: &[f64]) -> Ctf {
    Ctf {
        defocus_u: Angstrom(numbers[0]),
        defocus_v: Angstrom(numbers[1]),
        defocus_angle: Radians(numbers[2]),
        phase_shift: Radians(numbers[3]),
        scale: numbers[4],
        b_factor: SquareAngstrom(numbers[5]),
    }
}

/// Positions and quaternions as two arrays.
fn places([position, rotation]: [&str; 2], poses: &[Pose]) -> [Array; 2] {
    let positions = poses.iter().flat_map(|p| p.position.xyz.to_array());
    let rotations = poses
        .iter()
        .flat_map(|p| p.rotation.quaternion().to_array());
    let n = poses.len();
    [
        (
            position.into(),
            vec![n, 3],
            Samples::F64(positions.collect()),
        ),
        (
            rotation.into(),
            vec![n, 4],
            Samples::F64(rotations.collect()),
        ),
    ]
}

/// A text column as two arrays.
fn text<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> [Array; 2] {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for value in values {
        bytes.extend_from_slice(value.as_bytes());
        ends.push(bytes.len() as u64);
    }
    [
        (
            format!("{name}.text"),
            vec![bytes.len()],
            Samples::U8(bytes),
        ),
        (format!("{name}.ends"), vec![ends.len()], Samples::U64(ends)),
    ]
}

/// The columns of a set, open for reading.
struct Columns {
    path: PathBuf,
    file: NpzFile<std::io::BufReader<File>>,
}

impl Columns {
    fn open(path: &Path) -> Result<Self, JobError> {
        let file = NpzFile::open(path).map_err(|e| JobError::file(path, e))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    fn fill(mut self, mut set: ParticleSet) -> Result<ParticleSet, JobError> {
        set.names = self.text("name")?;
        set.tilt_series = self.u32("tilt_series")?;
        set.classes = self.u32("class")?;
        let halves = self.samples("half")?;
        let Samples::U8(halves) = halves else {
            return Err(self.wrong("half"));
        };
        set.halves = halves
            .iter()
            .map(|&half| if half == 1 { Half::One } else { Half::Two })
            .collect();
        set.poses = self.places(["position", "rotation"])?;
        for (k, column) in set.carried.columns.iter_mut().enumerate() {
            column.values = self.text(&format!("carried.{k}"))?;
        }
        if let Some(images) = &mut set.images {
            let paths = |names: Vec<String>| names.into_iter().map(PathBuf::from).collect();
            images.paths = paths(self.text("images.path")?);
            images.ctf_paths = paths(self.text("images.ctf_path")?);
            let flags = |text: String| text.chars().map(|c| c == '1').collect();
            images.visible = self
                .text("images.visible")?
                .into_iter()
                .map(flags)
                .collect();
            // Sets written before boxes had places of their own.
            if self.file.names().iter().any(|name| name == "box.position") {
                images.boxes = self.places(["box.position", "box.rotation"])?;
            }
            if self
                .file
                .names()
                .iter()
                .any(|name| name == "images.section")
            {
                images.sections = self.u32("images.section")?;
            }
            if self.file.names().iter().any(|name| name == CTF) {
                images.ctfs = self.f64(CTF)?.chunks_exact(6).map(ctf_of).collect();
            }
        }
        self.check(&set)?;
        Ok(set)
    }

    /// Columns of different lengths, or indices that lead nowhere, are damage.
    fn check(&self, set: &ParticleSet) -> Result<(), JobError> {
        let n = set.names.len();
        let all_or_none = |length: usize| length == n || length == 0;
        let lengths = set.poses.len() == n
            && set.tilt_series.len() == n
            && all_or_none(set.halves.len())
            && all_or_none(set.classes.len())
            && set.images.as_ref().is_none_or(|images| {
                images.paths.len() == n
                    && all_or_none(images.boxes.len())
                    && all_or_none(images.sections.len())
                    && all_or_none(images.ctfs.len())
            });
        let known = set
            .tilt_series
            .iter()
            .all(|&i| (i as usize) < set.tilt_series_names.len());
        if lengths && known {
            Ok(())
        } else {
            Err(JobError::file(
                &self.path,
                "the columns do not fit each other",
            ))
        }
    }

    fn samples(&mut self, name: &str) -> Result<Samples, JobError> {
        let array = self.file.array(name).and_then(|array| array.samples());
        array.map_err(|e| JobError::file(&self.path, e))
    }

    fn wrong(&self, name: &str) -> JobError {
        JobError::file(
            &self.path,
            format!("the array {name} has an unexpected type"),
        )
    }

    fn f64(&mut self, name: &str) -> Result<Vec<f64>, JobError> {
        match self.samples(name)? {
            Samples::F64(values) => Ok(values),
            _ => Err(self.wrong(name)),
        }
    }

    fn places(&mut self, [position, rotation]: [&str; 2]) -> Result<Vec<Pose>, JobError> {
        let (positions, rotations) = (self.f64(position)?, self.f64(rotation)?);
        let pose = |(p, r): (&[f64], &[f64])| {
            let position = Point::from_vector(DVec3::from_slice(p));
            Pose::new(
                Rotation::from_unit_quaternion(DQuat::from_slice(r)),
                position,
            )
        };
        Ok(positions
            .chunks_exact(3)
            .zip(rotations.chunks_exact(4))
            .map(pose)
            .collect())
    }

    fn u32(&mut self, name: &str) -> Result<Vec<u32>, JobError> {
        match self.samples(name)? {
            Samples::U32(values) => Ok(values),
            _ => Err(self.wrong(name)),
        }
    }

    fn text(&mut self, name: &str) -> Result<Vec<String>, JobError> {
        let (bytes, ends) = (
            self.samples(&format!("{name}.text"))?,
            self.samples(&format!("{name}.ends"))?,
        );
        let (Samples::U8(bytes), Samples::U64(ends)) = (bytes, ends) else {
            return Err(self.wrong(name));
        };
        let mut start = 0;
        let mut values = Vec::with_capacity(ends.len());
        for end in ends {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            let value = bytes
                .get(start..end)
                .and_then(|b| std::str::from_utf8(b).ok());
            values.push(value.ok_or_else(|| self.wrong(name))?.to_owned());
            start = end;
        }
        Ok(values)
    }
}
