//! Every real defocus, residual, fiducial, local-alignment, command, settings and model file of IMOD.

use crate::shared_data::{self, ends_with, entries};
use thon_formats::imod;

#[test]
fn defocus_files() {
    let files = entries(|file| ends_with(file, &[".defocus"]));
    for entry in &files {
        let file = imod::defocus::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let lines: usize = entry.facts.split(' ').nth(1).unwrap().parse().unwrap();
        let rows = lines - usize::from(file.version == 3);
        // The manifest counts line ends; a last line without one comes on top.
        assert!(
            (rows..=rows + 1).contains(&file.rows.len()),
            "{}: {} rows",
            entry.file,
            file.rows.len()
        );
        assert!(
            file.rows
                .iter()
                .all(|row| row.defocus > 100.0 && row.defocus < 20_000.0),
            "{}",
            entry.file
        );
        assert_eq!(
            imod::defocus::parse(&imod::defocus::write(&file), "back").unwrap(),
            file,
            "{}",
            entry.file
        );
    }
    println!("{} defocus files", files.len());
}

#[test]
fn residuals_and_fiducials() {
    for entry in entries(|file| ends_with(file, &[".resid"])) {
        let residuals =
            imod::residuals::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        // "1403 residual vectors, 61 views, mean r 0.313 px."
        let words: Vec<&str> = entry.facts.split(' ').collect();
        assert_eq!(
            residuals.len(),
            words[0].parse::<usize>().unwrap(),
            "{}",
            entry.file
        );
        let views = residuals
            .iter()
            .map(|residual| residual.view)
            .max()
            .unwrap()
            + 1;
        assert_eq!(views, words[3].parse::<i64>().unwrap(), "{}", entry.file);
        let lengths: f64 = residuals
            .iter()
            .map(|residual| residual.residual[0].hypot(residual.residual[1]))
            .sum();
        let stated: f64 = words[7].parse().unwrap();
        assert!(
            (lengths / residuals.len() as f64 - stated).abs() < 6e-4,
            "{}",
            entry.file
        );
        assert_eq!(
            imod::residuals::write(&residuals),
            std::fs::read_to_string(&entry.path).unwrap(),
            "{}",
            entry.file
        );
    }
    for entry in entries(|file| ends_with(file, &[".xyz"])) {
        let fiducials =
            imod::fiducials::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let stated: usize = entry.facts.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(fiducials.points.len(), stated, "{}", entry.file);
        assert_eq!(
            (fiducials.pixel_size, fiducials.image_size),
            (Some(20.2), Some([512, 512])),
            "{}",
            entry.file
        );
        assert_eq!(
            imod::fiducials::write(&fiducials),
            std::fs::read_to_string(&entry.path).unwrap(),
            "{}",
            entry.file
        );
    }
}

#[test]
fn local_alignments() {
    for entry in entries(|file| ends_with(file, &[".xf"]) && file.contains("local")) {
        let alignment =
            imod::local_alignment::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (alignment.grid, alignment.patches.len()),
            ([2, 2], 4),
            "{}",
            entry.file
        );
        assert!(
            alignment
                .patches
                .iter()
                .all(|patch| patch.transforms.len() == 61),
            "{}",
            entry.file
        );
        assert!(
            imod::local_alignment::write(&alignment)
                == std::fs::read_to_string(&entry.path).unwrap(),
            "{}",
            entry.file
        );
    }
}

#[test]
fn z_factors() {
    for entry in entries(|file| ends_with(file, &[".zfac"])) {
        let table = imod::tilt_angles::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((table.rows(), table.width()), (61, 2), "{}", entry.file);
    }
}

#[test]
fn command_files() {
    let files = entries(|file| ends_with(file, &[".com"]));
    for entry in &files {
        let file = imod::command_file::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let trimmed = |text: &str| {
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        let original = std::fs::read_to_string(&entry.path).unwrap();
        assert_eq!(
            trimmed(&imod::command_file::write(&file)),
            trimmed(&original),
            "{}",
            entry.file
        );
        for command in &file.commands {
            assert!(!command.program().is_empty(), "{}", entry.file);
        }
        if let Some(tilt) = file.command("tilt") {
            assert!(
                tilt.numbers("THICKNESS").unwrap().unwrap()[0] > 50.0,
                "{}",
                entry.file
            );
            assert_eq!(
                tilt.numbers("FULLIMAGE").unwrap().unwrap().len(),
                2,
                "{}",
                entry.file
            );
        }
    }
    println!("{} command files", files.len());
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let align = imod::command_file::read(&folder.join("02_imod/tiltalign_goulbourne8a/aligna.com"))
        .unwrap();
    let tiltalign = align.command("tiltalign").unwrap();
    assert_eq!(
        tiltalign.numbers("TargetPatchSizeXandY").unwrap().unwrap(),
        [700.0, 700.0]
    );
    assert_eq!(tiltalign.number_list("ExcludeList").unwrap().unwrap(), [1]);
    assert_eq!(
        align.command("xfproduct").unwrap().get("InputFile2"),
        Some("BBa.tltxf")
    );
}

#[test]
fn settings_files() {
    for entry in entries(|file| ends_with(file, &[".edf"])) {
        let settings = imod::settings::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let original = std::fs::read_to_string(&entry.path).unwrap();
        assert_eq!(
            imod::settings::write(&settings).trim_end(),
            original.trim_end().replace("\r\n", "\n"),
            "{}",
            entry.file
        );
        assert!(
            settings.get("Setup.DataSource").as_deref() == Some("CCD"),
            "{}",
            entry.file
        );
    }
}

#[test]
fn models() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let portal = |name: &str| entries(|file| file.ends_with(name));
    let expected = [
        ("models/two_contour_example.mod", vec![vec![17, 8]], 0),
        (
            "models/multiple_objects_example.mod",
            vec![vec![], vec![3], vec![3]],
            4,
        ),
        (
            "models/point_sizes_example.mod",
            vec![vec![4], vec![3, 3, 3], vec![5]],
            0,
        ),
        ("models/slicer_angle_example.mod", vec![vec![1; 4]], 4),
        ("portal_annotations/points.mod", vec![vec![3]], 0),
        (
            "portal_annotations/oriented_points.mod",
            vec![vec![1; 4]],
            4,
        ),
    ];
    for (name, points, angles) in expected {
        for entry in portal(name) {
            let model = imod::model::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
            let found: Vec<Vec<usize>> = model
                .objects
                .iter()
                .map(|object| {
                    object
                        .contours
                        .iter()
                        .map(|contour| contour.points.len())
                        .collect()
                })
                .collect();
            assert_eq!(found, points, "{name}");
            assert_eq!(model.slicer_angles().len(), angles, "{name}");
            assert_eq!(
                imod::model::write(&model),
                std::fs::read(&entry.path).unwrap(),
                "{name}"
            );
        }
    }
    let sized = imod::model::read(&folder.join("02_imod/models/point_sizes_example.mod")).unwrap();
    assert_eq!(sized.objects[0].contours[0].sizes().unwrap().len(), 4);
    assert!(sized.image_reference().is_some());
}
