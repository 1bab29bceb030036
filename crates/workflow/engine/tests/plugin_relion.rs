//! RELION as Debian ships it, as a plug-in: a mask, a filter and post-processing; skipped where it is not installed.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use serde_json::{Value, json};
use thon_contract::{AnyJob, Context, DirectoryWorkspace, ItemRecord, SlotRecord, UnitInputs};
use thon_engine::plugin::{PluginJob, jobs};
use thon_images::mrc::{Mrc, write_volume};

const BOX: usize = 32;
const VOXEL: f64 = 4.0;

/// A ball with structure inside, and noise of its own.
fn half_map(seed: u32) -> Vec<f32> {
    let mut noise = seed;
    let mut random = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let centre = (BOX / 2) as f32;
    let value = |i: usize| {
        let (z, y, x) = (i / (BOX * BOX), i / BOX % BOX, i % BOX);
        let [dz, dy, dx] = [z, y, x].map(|v| v as f32 - centre);
        let inside = dx * dx + dy * dy + dz * dz < 81.0;
        if inside {
            1.0 + (0.9 * dx).sin() * (0.7 * dy).cos()
        } else {
            0.0
        }
    };
    (0..BOX.pow(3)).map(|i| value(i) + 0.3 * random()).collect()
}

fn find(all: &[PluginJob], id: &str) -> usize {
    all.iter().position(|job| job.id() == id).unwrap()
}

/// Runs a job on the files of a directory; inputs are slot, kind and file.
fn run(
    job: &PluginJob,
    params: &Value,
    directory: &Path,
    inputs: &[(&str, &str, &str)],
) -> Vec<f32> {
    let slot = |(name, kind, file): &(&str, &str, &str)| {
        let item = ItemRecord {
            name: (*name).into(),
            files: vec![(*file).into()],
            digest: String::new(),
        };
        let slot = SlotRecord {
            kind: (*kind).into(),
            items: vec![item],
        };
        ((*name).to_owned(), slot)
    };
    let inputs: UnitInputs = inputs.iter().map(slot).collect();
    let params = job.complete_params(params).unwrap();
    let workspace = DirectoryWorkspace {
        root: directory.to_owned(),
    };
    let context = Context::new(&workspace, &thon_compute::Quiet, 1 << 30);
    assert!(job.check(&params, &inputs, &context).is_empty());
    let outputs = job.run(&params, &inputs, &context).unwrap();
    let first = &outputs.values().next().unwrap().items[0].files[0];
    let file = Mrc::open(directory.join(first)).unwrap();
    assert_eq!(file.shape(), [BOX; 3]);
    file.read_all().unwrap()
}

#[test]
fn relion_makes_our_objects() {
    let installed = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|at| at.join("relion_postprocess").is_file())
    });
    if !installed {
        println!("skipped: relion is not installed");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    for (name, seed) in [("half1.mrc", 1), ("half2.mrc", 2)] {
        write_volume(here.join(name), &half_map(seed), [BOX; 3], Some(VOXEL)).unwrap();
    }
    let all = jobs(None).unwrap();
    let mask = &all[find(&all, "relion.mask-create")];
    let threshold = json!({ "threshold": 0.5, "low_pass": 20.0, "extend": 1, "edge": 3 });
    let values = run(mask, &threshold, here, &[("map", "map", "half1.mrc")]);
    let inside = values.iter().filter(|value| **value > 0.5).count();
    assert!((2000..8000).contains(&inside), "{inside} voxels");

    let post = &all[find(&all, "relion.post-process")];
    let inputs = [
        ("half_map_1", "map", "half1.mrc"),
        ("half_map_2", "map", "half2.mrc"),
        ("mask", "mask", "mask.mrc"),
    ];
    let sharpened = run(post, &json!({ "b_factor": -50.0 }), here, &inputs);
    let star = thon_formats::star::read(&here.join("postprocess.star")).unwrap();
    let table = star.blocks.iter().flat_map(|block| &block.tables);
    let fsc = table.filter_map(|t| t.column("rlnFourierShellCorrelationCorrected").ok());
    let fsc = fsc.collect::<Vec<_>>().pop().unwrap().to_f64().unwrap();
    assert!(fsc.len() > BOX / 2 - 2 && fsc[1] > 0.9, "{fsc:?}");
    // The same again has the same values.
    assert_eq!(
        sharpened,
        run(post, &json!({ "b_factor": -50.0 }), here, &inputs)
    );

    let filter = &all[find(&all, "relion.filter-map")];
    let spread = |values: &[f32]| {
        values
            .windows(2)
            .map(|w| (w[1] - w[0]).powi(2))
            .sum::<f32>()
    };
    let before = spread(&half_map(1));
    let smooth = run(
        filter,
        &json!({ "low_pass": 30.0 }),
        here,
        &[("map", "map", "half1.mrc")],
    );
    assert!(spread(&smooth) < 0.5 * before);
    println!("relion: mask, post-processing and filter came back as our objects");
}
