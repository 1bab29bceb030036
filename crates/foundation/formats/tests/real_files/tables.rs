//! Every real CTFFIND, CSV, Dynamo, PyTom, Warp, portal and copick file.

use crate::shared_data::{self, ends_with, entries};
use thon_formats::{ctffind, dynamo, numeric_table, portal, pytom, relion_text, text_table, warp};

#[test]
fn ctffind_results() {
    let files = entries(|file| ends_with(file, &["ctffind4.txt", "_CTF.txt"]));
    for entry in &files {
        let results = ctffind::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let content = std::fs::read_to_string(&entry.path).unwrap();
        let rows = content
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .count();
        assert_eq!(results.rows.len(), rows, "{}", entry.file);
        assert!(
            results
                .rows
                .iter()
                .all(|row| row.defocus.iter().all(|&value| value > 1e3 && value < 1e5)),
            "{}",
            entry.file
        );
        assert_eq!(
            ctffind::parse(&ctffind::write(&results), "back").unwrap(),
            results,
            "{}",
            entry.file
        );
    }
    println!("{} CTFFIND files", files.len());
    for entry in entries(|file| ends_with(file, &["_avrot.txt"])) {
        let averages = ctffind::read_averages(&entry.path).unwrap();
        assert_eq!(averages.len(), 1);
        assert!(averages[0].frequency.is_sorted() && averages[0].frequency.len() > 300);
    }
}

#[test]
fn plain_tables() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let tables = [
        ("05_star_other/pytom_mtf_dqe/K2SUMMIT_DQE_200kV.csv", 34, 2),
        ("05_star_other/pytom_mtf_dqe/K2SUMMIT_MTF_300kV.csv", 19, 2),
        ("05_star_other/portal_annotations/points.csv", 3, 3),
        (
            "05_star_other/portal_annotations/points_tab_delim.csv",
            3,
            3,
        ),
        (
            "05_star_other/portal_annotations/points_with_header.csv",
            3,
            3,
        ),
        (
            "05_star_other/portal_annotations/points_with_header_pipe_delim.csv",
            3,
            3,
        ),
        ("05_star_other/portal_annotations/tardis.csv", 6, 4),
        ("08_ctf/cryocat_017_corrected_dose.txt", 60, 1),
        ("02_imod/peet/pi-a-initMOTL.csv", 3, 20),
        ("13_portal_segmentation/3dfsc_T40_globalFSC.csv", 72, 3),
        ("13_portal_segmentation/3dfsc_T40_plots.csv", 72, 5),
        ("06_dynamo_em/pytom_markerfile.txt", 472, 4),
    ];
    for (file, rows, width) in tables {
        let table =
            numeric_table::read(&folder.join(file)).unwrap_or_else(|error| panic!("{error}"));
        let close = (rows - 1..=rows + 1).contains(&table.rows());
        assert!(
            close && table.width() == width,
            "{file}: {} x {}",
            table.rows(),
            table.width()
        );
        assert_eq!(
            numeric_table::parse(&numeric_table::write(&table), "back")
                .unwrap()
                .values(),
            table.values(),
            "{file}"
        );
    }
    let points =
        relion_text::coordinates::read(&folder.join("05_star_other/portal_annotations/points.csv"))
            .unwrap();
    assert_eq!(
        relion_text::coordinates::points(&points)[1],
        [2.0, 2.0, 2.0]
    );
}

#[test]
fn text_tables() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let metrics =
        text_table::read(&folder.join("03_aretomo/aretomo3_small/TiltSeries_Metrics.csv")).unwrap();
    assert_eq!(metrics.numbers("Tilt_Axis").unwrap(), [90.59, 100.59]);
    let objects = text_table::read(&folder.join(
        "13_portal_segmentation/portal_10001_input/identified_objects/identified_objects.csv",
    ))
    .unwrap();
    assert_eq!(objects.column("object_name").unwrap()[1], "Golgi apparatus");
    for table in [metrics, objects] {
        assert_eq!(
            text_table::parse(&text_table::write(&table), &table.name).unwrap(),
            table
        );
    }
}

#[test]
fn dynamo_files() {
    for entry in entries(|file| ends_with(file, &[".tbl"])) {
        let table = dynamo::table::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        // "Dynamo table 300 rows x 35 columns"
        let words: Vec<&str> = entry.facts.split(' ').collect();
        let stated = (words[2].parse().unwrap(), words[5].parse().unwrap());
        assert_eq!((table.rows(), table.width()), stated, "{}", entry.file);
        let complex = if entry.facts.contains("complex") {
            75
        } else {
            0
        };
        assert_eq!(table.imaginary.len(), complex, "{}", entry.file);
        assert_eq!(
            dynamo::table::parse(&dynamo::table::write(&table), "back").unwrap(),
            table,
            "{}",
            entry.file
        );
    }
    for entry in entries(|file| ends_with(file, &[".doc"])) {
        let map =
            dynamo::tomogram_index::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let lines: usize = entry.facts.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(
            (lines..=lines + 1).contains(&map.len()),
            "{}: {}",
            entry.file,
            map.len()
        );
        assert!(
            map.iter().all(|tomogram| tomogram.path.contains(".mrc")),
            "{}",
            entry.file
        );
        assert_eq!(
            dynamo::tomogram_index::parse(&dynamo::tomogram_index::write(&map), "back").unwrap(),
            map,
            "{}",
            entry.file
        );
    }
}

#[test]
fn pytom_particle_list() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let list = pytom::read(&folder.join("06_dynamo_em/pytom_pickpos_format.xml")).unwrap();
    let content =
        std::fs::read_to_string(folder.join("06_dynamo_em/pytom_pickpos_format.xml")).unwrap();
    assert_eq!(list.particles.len(), content.matches("<Particle ").count());
    assert_eq!(
        list.particles[0].rotation,
        [303.99186654901735, 272.8635850585089, 75.7028845495521]
    );
    let text = pytom::write(&list);
    let back = pytom::parse(&text, "back").unwrap();
    assert_eq!(pytom::write(&back), text);
    for (before, after) in list.particles.iter().zip(&back.particles) {
        assert_eq!(
            (before.rotation, before.shift, &before.pick),
            (after.rotation, after.shift, &after.pick)
        );
    }
}

#[test]
fn warp_tilt_series() {
    for (name, views, nodes) in [
        ("empiar10491_TS_1.xml", 41, 2424),
        ("cryocat_017.xml", 60, 0),
        ("warp_xf_import/00254.xml", 41, 18),
    ] {
        for entry in entries(|file| file.ends_with(name)) {
            let item = warp::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
            for list in ["Angles", "Dose", "AxisAngle", "AxisOffsetX", "AxisOffsetY"] {
                assert_eq!(
                    item.number_list(list).unwrap().unwrap().len(),
                    views,
                    "{name} {list}"
                );
            }
            assert_eq!(
                item.flag_list("UseTilt").unwrap().unwrap().len(),
                views,
                "{name}"
            );
            assert_eq!(
                item.flag("AreAnglesInverted").unwrap(),
                Some(false),
                "{name}"
            );
            assert_eq!(
                item.numbers("PlaneNormal").unwrap().unwrap().len(),
                3,
                "{name}"
            );
            let grids = item
                .root()
                .children
                .iter()
                .filter(|child| child.name.starts_with("Grid"));
            let count: usize = grids
                .map(|child| item.grid(&child.name).unwrap().unwrap().nodes.len())
                .sum();
            if nodes > 0 {
                assert_eq!(count, nodes, "{name}");
            }
            assert!(
                item.parameter_number("CTF", "Voltage").unwrap() == Some(300.0),
                "{name}"
            );
            let text = warp::write(&item);
            let back = warp::parse(&text, "back").unwrap();
            assert!(warp::write(&back) == text, "{name}");
            assert_eq!(
                back.grid("GridCTF").unwrap(),
                item.grid("GridCTF").unwrap(),
                "{name}"
            );
        }
    }
}

#[test]
fn portal_and_copick_points() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let points =
        portal::points::read(&folder.join("13_portal_segmentation/data_portal_points.ndjson"))
            .unwrap();
    assert_eq!((points.len(), points[1].location.z), (2, 220.0));
    assert!((points[0].rotation.unwrap()[2][2] - 0.9996573249755573).abs() < 1e-16);
    assert_eq!(
        portal::points::parse(&portal::points::write(&points).unwrap(), "back").unwrap(),
        points
    );
    for name in ["copick.json", "copick_instance.json"] {
        let picks =
            portal::picks::read(&folder.join("05_star_other/portal_annotations").join(name))
                .unwrap();
        assert!(
            !picks.points.is_empty() && picks.unit == "angstrom",
            "{name}"
        );
        assert_eq!(
            portal::picks::parse(&portal::picks::write(&picks).unwrap(), "back").unwrap(),
            picks,
            "{name}"
        );
    }
}
