//! Reconstruction of subtomograms at given orientations, files to file, beside `relion_reconstruct --3d_rot`.
//!
//! `THON_RELION_DATA` names a folder with `box32/gt.star`, `box64/gt.star`, … (RELION 3.1 subtomograms with `rlnCtfImage`,
//! paths relative to the folder, and the true map as `gt_class0.mrc`); without it nothing is done. `relion_reconstruct` is
//! run when it is on the path. CPU seconds of each process, reading, transforms and writing included.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use glam::{DQuat, DVec3};
use ndarray::Array3;
use thon_benches::peak_memory_mib;
use thon_benches::process::cpu_seconds;
use thon_extract::{Subtomograms, TransferVolume};
use thon_formats::star;
use thon_images::mrc::{MrcFile, write_volume};
use thon_interop::euler::RelionAngles;
use thon_likelihood::{Observation, Observe};
use thon_reconstruct::{Contribution, ExpectedSums, Quanta, Regulariser, WeightedPlacement};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Particles whose samples are held at once.
const BLOCK: usize = 20;

/// A particle's files and placement.
struct Particle {
    volume: PathBuf,
    transfer: PathBuf,
    placement: WeightedPlacement,
}

fn particles(data: &Path, star: &Path) -> Result<(Vec<Particle>, f64)> {
    let file = star::read(&data.join(star))?;
    let voxel_size = file.table("optics")?.column("rlnImagePixelSize")?.f64(0)?;
    let table = file.table("particles")?;
    let number = |label: &str, row: usize| table.column(label)?.f64(row);
    let mut particles = Vec::new();
    for row in 0..table.rows() {
        let [rot, tilt, psi] =
            ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"].map(|l| number(l, row));
        let rotation = RelionAngles::new(rot?, tilt?, psi?).rotation();
        let [x, y, z] =
            ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"].map(|l| number(l, row));
        particles.push(Particle {
            volume: data.join(table.column("rlnImageName")?.get(row)),
            transfer: data.join(table.column("rlnCtfImage")?.get(row)),
            placement: WeightedPlacement {
                rotation: DQuat::from_mat3(&rotation.matrix()),
                shift: DVec3::new(x?, y?, z?) / -voxel_size,
                weight: 1.0,
            },
        });
    }
    Ok((particles, voxel_size))
}

/// Room for the two files of a particle.
#[derive(Default)]
struct Files {
    volume: Vec<f32>,
    transfer: Vec<f32>,
}

/// Reads a volume into memory that is there already; its shape `[z, y, x]`.
fn read(path: &Path, values: &mut Vec<f32>) -> Result<[usize; 3]> {
    let file = MrcFile::open(path)?;
    let [nz, ny, nx] = file.shape();
    values.resize(nz * ny * nx, 0.0);
    for (z, section) in values.chunks_mut(ny * nx).enumerate() {
        file.read_section_into(z, section)?;
    }
    Ok([nz, ny, nx])
}

fn observe(
    boxes: &Subtomograms,
    particle: &Particle,
    band: usize,
    files: &mut Files,
) -> Result<Observation> {
    read(&particle.volume, &mut files.volume)?;
    let shape = read(&particle.transfer, &mut files.transfer)?;
    let transfer = TransferVolume::of_shape(&files.transfer, shape, boxes.box_size())?;
    let wanted = Observe { band, mask: None };
    Ok(boxes.observe(&mut files.volume, transfer, &wanted, 0)?)
}

/// The map from files, written to `output`.
fn reconstruct(data: &Path, star: &Path, n: usize, output: &Path) -> Result<Vec<f32>> {
    let (particles, voxel_size) = particles(data, star)?;
    let boxes = Subtomograms::new(n)?;
    let band = n / 2;
    // White noise of deviation 1 per voxel.
    let mut sums = ExpectedSums::new(n, 2, band, Quanta::from_noise([1.0])?)?;
    let mut files = Files::default();
    for block in particles.chunks(BLOCK) {
        let observed = block
            .iter()
            .map(|particle| observe(&boxes, particle, band, &mut files))
            .collect::<Result<Vec<_>>>()?;
        let contributions: Vec<_> = observed
            .iter()
            .zip(block)
            .map(|(seen, particle)| Contribution {
                positions: &seen.geometry.positions,
                products: &seen.products,
                weights: &seen.weights,
                count: seen.geometry.len(),
                placements: std::slice::from_ref(&particle.placement),
            })
            .collect();
        sums.insert(&contributions)?;
    }
    let map = sums.solve(&Regulariser::none())?;
    write_volume(output, &map, [n; 3], Some(voxel_size))?;
    Ok(map)
}

/// CPU seconds of the children of this process that have ended.
fn children_seconds() -> f64 {
    let line = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = line.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// CPU seconds of RELION and its map; none where it is not installed.
fn relion(data: &Path, star: &Path, output: &Path, gridding: bool) -> Option<(f64, Vec<f32>)> {
    let before = children_seconds();
    let mut command = Command::new("relion_reconstruct");
    command
        .args(["--ctf", "--3d_rot", "--i"])
        .arg(star)
        .arg("--o")
        .arg(output);
    if !gridding {
        command.arg("--skip_gridding");
    }
    let status = command
        .current_dir(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let map = status
        .ok()?
        .success()
        .then(|| MrcFile::open(output).ok()?.read_all().ok())??;
    Some((children_seconds() - before, map))
}

/// Shell correlation within a soft sphere that ends at the edge of the box: RELION has emptied the corners of its maps.
fn fsc(a: &[f32], b: &[f32], n: usize) -> Result<Vec<f64>> {
    let middle = (n / 2) as f64;
    let masked = |map: &[f32]| {
        let mut map = Array3::from_shape_vec((n, n, n), map.to_vec())?;
        for ((z, y, x), value) in map.indexed_iter_mut() {
            let r = DVec3::new(x as f64, y as f64, z as f64).distance(DVec3::splat(middle));
            *value *= ((middle - r) / 4.0).clamp(0.0, 1.0) as f32;
        }
        Ok::<_, Box<dyn Error>>(map)
    };
    Ok(thon_signal::shells::fsc(&masked(a)?, &masked(b)?).fsc)
}

/// Mean over shells 1 to n/4, and to 4n/10.
fn means(fsc: &[f64]) -> [f64; 2] {
    let n = 2 * (fsc.len() - 1);
    [n / 4, n * 2 / 5].map(|last| fsc[1..=last].iter().sum::<f64>() / last as f64)
}

fn run(data: &Path, n: usize) -> Result<()> {
    let star = PathBuf::from(format!("box{n}/gt.star"));
    if !data.join(&star).exists() {
        println!("box {n}: skipped, no {}", star.display());
        return Ok(());
    }
    let folder =
        std::env::temp_dir().join(format!("thon-relion-reconstruct-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let start = Instant::now();
    let mut best = f64::INFINITY;
    let mut map = Vec::new();
    for _ in 0..3 {
        let before = cpu_seconds(start);
        map = reconstruct(data, &star, n, &folder.join("thon.mrc"))?;
        best = best.min(cpu_seconds(start) - before);
    }
    let truth = MrcFile::open(data.join(format!("box{n}/gt_class0.mrc")))?.read_all()?;
    let [low, high] = means(&fsc(&map, &truth, n)?);
    println!(
        "box {n:3}: thon {best:6.2} CPU s, FSC with the truth {low:.3} to n/4, {high:.3} to 0.4 n; peak RSS {:.0} MiB",
        peak_memory_mib()
    );
    for (gridding, name) in [(true, "with gridding"), (false, "--skip_gridding")] {
        let Some((seconds, theirs)) = relion(data, &star, &folder.join("relion.mrc"), gridding)
        else {
            println!("         relion_reconstruct is not there");
            break;
        };
        let [low, high] = means(&fsc(&theirs, &truth, n)?);
        let [same, same_high] = means(&fsc(&theirs, &map, n)?);
        println!(
            "         relion_reconstruct {name} {seconds:6.2} CPU s, {:.1} times thon; FSC with the truth {low:.3}, {high:.3}; with thon {same:.3}, {same_high:.3}",
            seconds / best
        );
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn main() -> Result<()> {
    let Some(data) = std::env::var_os("THON_RELION_DATA") else {
        println!("skipped: THON_RELION_DATA names no data set");
        return Ok(());
    };
    let data = fs::canonicalize(data)?;
    for n in [32, 64, 96] {
        run(&data, n)?;
    }
    Ok(())
}
