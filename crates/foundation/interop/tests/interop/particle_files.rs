//! Every particle file of the real data × every format that can hold it: written, read again, compared (skipped without the data).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thon_geometry::Grid;
use thon_interop::particles::{
    Frames, ParticleFormat, cannot_hold, detect, file_name, read_several, write_any,
};
use thon_model::ParticleSet;
use thon_units::PixelSize;

/// Worst position, px.
const POSITION: f64 = 1e-3;
/// Worst rotation, degrees.
const ROTATION: f64 = 1e-3;

/// Particle files of the real data; tables of other things in the same folders are not listed.
const FILES: [&str; 38] = [
    "02_imod/models/multiple_objects_example.mod",
    "02_imod/models/point_sizes_example.mod",
    "02_imod/models/slicer_angle_example.mod",
    "02_imod/models/two_contour_example.mod",
    "02_imod/peet/pi-a-initMOTL.csv",
    "04_relion5_project_empiar10164/Extract/job020/particles.star",
    "04_relion5_project_empiar10164/Picks/job009/annotations/TS_01_spheres.star",
    "04_relion5_project_empiar10164/Picks/job019/annotations/TS_01_particles.star",
    "04_relion5_project_empiar10164/Picks/job019/particles.star",
    "04_relion5_project_empiar10164/Refine3D/job023/run_data.star",
    "05_star_other/cryocat_relion5/warp2_particles_matching.star",
    "05_star_other/cryocat_relion_3.0.star",
    "05_star_other/cryocat_relion_3.1_optics2.star",
    "05_star_other/cryocat_relion_4.0.star",
    "05_star_other/stopgap_class6_er_mr1_1_sg.star",
    "05_star_other/portal_annotations/copick.json",
    "05_star_other/portal_annotations/copick_instance.json",
    "05_star_other/portal_annotations/oriented_points.mod",
    "05_star_other/portal_annotations/points.csv",
    "05_star_other/portal_annotations/points.mod",
    "05_star_other/portal_annotations/points_tab_delim.csv",
    "05_star_other/portal_annotations/points_with_header.csv",
    "05_star_other/portal_annotations/points_with_header_pipe_delim.csv",
    "05_star_other/portal_annotations/relion_3_star.star",
    "05_star_other/portal_annotations/relion_4_star.star",
    "05_star_other/portal_annotations/stopgap_star.star",
    "05_star_other/portal_annotations/tardis.csv",
    "05_star_other/portal_annotations/tomoman_relion_star.star",
    "06_dynamo_em/cryocat_crop.tbl",
    "06_dynamo_em/dynamo2m_example.tbl",
    "06_dynamo_em/dynamo2m_warp2dynamo_example.star",
    "06_dynamo_em/dynamotable/t_double.tbl",
    "06_dynamo_em/motl_hiv_vlp_qc.em",
    "06_dynamo_em/motl_ribosome.em",
    "06_dynamo_em/pytom_pickpos_format.xml",
    "06_dynamo_em/susan_empiar10064_picked_b8.tbl",
    "10_particles/relion5_extract_2ptcl/input/particle.star",
    "13_portal_segmentation/data_portal_points.ndjson",
];

/// Particle files of the second half of the list, and single-particle tables.
const MORE: [&str; 15] = [
    "06_dynamo_em/motl_au_1.em",
    "06_dynamo_em/motl_tric.em",
    "06_dynamo_em/subtomo2Chimera_aligned.tbl",
    "10_particles/cryosparc/4k_dataset.cs",
    "10_particles/cryosparc/cryosparc_P12_J24_001_particles.cs",
    "10_particles/empiar10076_7/empiar_10076_7.cs",
    "10_particles/empiar10499_warp_2d_series/warptools_test_4-tomos_10-ptcls_box-32_angpix-12.star",
    "10_particles/relion5_extract_2ptcl/Extract/job001_filled/particles.star",
    "10_particles/sta_m_2d_stack/sta_testing_bin8.star",
    "05_star_other/PfCRT_relion3.star",
    "05_star_other/emtools_refine3d/run_it016_data.star",
    "05_star_other/relion3.1_6opticsgroups.star",
    "05_star_other/relion5_particles_small.star",
    "10_particles/empiar10076_7/empiar_10076_7.star",
    "10_particles/relion31_5/relion31.star",
];

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data")
}

/// Rows of each tomogram, by the name of its file, without Warp's ending.
fn by_tomogram(set: &ParticleSet) -> BTreeMap<String, Vec<usize>> {
    let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, index) in set.tilt_series.iter().enumerate() {
        let name = file_name(&set.tilt_series_names[*index as usize]);
        let name = name.trim_end_matches(".tomostar").to_owned();
        rows.entry(name).or_default().push(row);
    }
    rows
}

/// Worst distance, px, and angle, degrees, between particles of two sets, tomogram by tomogram and row by row.
fn worst(one: &ParticleSet, other: &ParticleSet, voxel: f64) -> Option<(f64, f64)> {
    let (a, b) = (by_tomogram(one), by_tomogram(other));
    if a.len() != b.len() {
        return None;
    }
    let (mut far, mut turned) = (0.0f64, 0.0f64);
    for ((name, rows), (other_name, others)) in a.iter().zip(&b) {
        if name != other_name || rows.len() != others.len() {
            return None;
        }
        for (&row, &twin) in rows.iter().zip(others) {
            let (p, q) = (one.poses[row], other.poses[twin]);
            far = far.max(p.position.distance(q.position) / voxel);
            if one.oriented && other.oriented {
                turned = turned.max(p.rotation.angle_to(q.rotation).0.to_degrees());
            }
        }
    }
    Some((far, turned))
}

#[test]
fn every_particle_file_goes_through_every_format() {
    let data = data();
    if !data.is_dir() {
        println!("skipped: shared data absent");
        return;
    }
    let (mut compared, mut refused) = (0, 0);
    let (mut far, mut turned) = (0.0f64, 0.0f64);
    let mut broken = Vec::new();
    let mut first = Frames {
        voxel_size: Some(PixelSize(10.0)),
        ..Frames::default()
    };
    for file in FILES.iter().chain(&MORE) {
        let path = data.join(file);
        let format = detect(&path).unwrap();
        let source = read_several(std::slice::from_ref(&path), None, &first)
            .unwrap()
            .value;
        // Sizes that the files do not state: large enough for all, odd and even, so that centres differ.
        first.grids.clear();
        let mut frames = first.clone();
        // Micrographs of single particles have one section.
        let flat = source.poses.iter().all(|pose| pose.position.xyz.z == 0.0);
        let sections = if flat { 1 } else { 401 };
        for name in &source.tilt_series_names {
            frames.grids.insert(
                name.clone(),
                Grid::new([sections, 1000, 961], PixelSize(10.0)),
            );
        }
        let source = read_several(&[path], None, &frames).unwrap().value;
        let mut cells = Vec::new();
        for target in ParticleFormat::ALL {
            if cannot_hold(&source, target).is_some()
                || (source.is_empty() && target != ParticleFormat::Cryosparc)
            {
                cells.push(format!("{target} –"));
                refused += 1;
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let written = write_any(&source, target, &frames, folder.path(), "set").unwrap();
            let files: Vec<PathBuf> = written
                .files
                .into_iter()
                .filter(|file| file.extension().is_none_or(|ending| ending != "doc"))
                .collect();
            let mut back_frames = frames.clone();
            for (name, grid) in &frames.grids {
                back_frames.grids.insert(format!("{name}.tomostar"), *grid);
            }
            let back = read_several(&files, Some(target), &back_frames)
                .unwrap()
                .value;
            compared += 1;
            match worst(&source, &back, 10.0) {
                Some((p, r)) if p <= POSITION && r <= ROTATION => {
                    far = far.max(p);
                    turned = turned.max(r);
                    let kept = source.oriented && !back.oriented;
                    cells.push(format!("{target}{}", if kept { " (places)" } else { "" }));
                }
                other => broken.push(format!("{file} as {target}: {other:?}")),
            }
        }
        println!(
            "{file} [{format}] {} particles: {}",
            source.len(),
            cells.join(", ")
        );
    }
    println!(
        "{compared} conversions there and back, {refused} not possible; worst {far:.2e} px, {turned:.2e}°"
    );
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(compared > 500);
}
