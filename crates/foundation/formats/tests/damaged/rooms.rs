//! The formats under test, each with seeds and a check.

use crate::checks::{
    command_check, mdoc_check, model_check, pytom_check, star_check, survives, warp_check,
};
use std::path::Path;
use thon_formats::{
    aretomo, ctffind, dynamo, imod, numeric_table, portal, relion_text, text, text_table,
};

/// A format under test.
pub struct Room {
    pub name: &'static str,
    /// Whether the bytes were accepted; panics when they were and do not survive writing.
    pub check: fn(&[u8]) -> bool,
    /// Hand-written seed.
    seed: &'static str,
    /// Small real files below the shared data folder.
    files: &'static [&'static str],
}

impl Room {
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../shared/data"
        ));
        let real = self
            .files
            .iter()
            .filter_map(|file| std::fs::read(folder.join(file)).ok());
        let own = (!self.seed.is_empty()).then(|| self.seed.as_bytes().to_vec());
        own.into_iter()
            .chain(std::iter::once_with(built_model).filter(|_| self.name == "model"))
            .chain(real)
            .collect()
    }
}

/// A small model with every kind of part.
fn built_model() -> Vec<u8> {
    let mut object = imod::model::Object::new("beads");
    let mut contour = imod::model::Contour::new(vec![[1.5, 2.5, 3.0]]);
    contour.set_sizes(&[4.0]);
    object.contours.push(contour);
    object.meshes.push(imod::model::Mesh {
        vertices: vec![[0.0; 3]; 2],
        list: vec![-25, 0, -22],
        ..Default::default()
    });
    let mut model = imod::model::Model::new([10, 20, 30]);
    model.objects.push(object);
    model.chunks.push(imod::model::Chunk {
        tag: *b"MINX",
        data: vec![0; 72],
    });
    imod::model::write(&model)
}

/// Check of a text format from its parser and writer.
macro_rules! text_room {
    ($parse:expr, $write:expr) => {
        |bytes| {
            let text = text::decode(bytes.to_vec());
            let Ok(value) = $parse(&text, "f") else {
                return false;
            };
            let written: String = $write(&value);
            let back = $parse(&written, "f")
                .unwrap_or_else(|error| panic!("{error}\nwritten: {written:.2000?}"));
            survives(&value, &back, &written);
            true
        }
    };
}

/// All formats.
pub const ROOMS: &[Room] = &[
    Room {
        name: "star",
        check: star_check,
        seed: "# version 50001\n\ndata_general\n\n_rlnA  1 # note\n_rlnB \"x y\"\n\ndata_particles\n\nloop_\n_rlnName #1\n_rlnX #2\n_rlnV #3\na 1.5 [1,0]\n# between\n'b c' -2 [1,1]\ndata_x.mrc 3 []\n\ndata_mm\n_e.id\n;text\nmore\n;\nloop_\n_a.x\n_a.y\n1 2\n3\n4\n",
        files: &[
            "05_star_other/starfile/loop_single_quote.star",
            "05_star_other/cryocat_relion_3.1_optics2.star",
            "04_relion5_project_empiar10164/Import/job001/job.star",
        ],
    },
    Room {
        name: "mdoc",
        check: mdoc_check,
        seed: "PixelSpacing = 2\r\nImageSize = 10 20\r\n[T = Tilt axis angle = 84.8, binning = 1\r\n more]\r\nT = free\r\nwords\r\n\r\n[ZValue = 0]\r\nTiltAngle = 3\r\nDateTime = 15-May-24  16:56:54\r\nSubFramePath = X:\\a\\b.tif\r\nFrameDosesAndNumber = 0.5 8\r\nEmpty =\r\n",
        files: &[
            "01_mdoc/tomo5_Position_10.mdoc",
            "01_mdoc/frame_set_single.mdoc",
        ],
    },
    Room {
        name: "transforms",
        check: text_room!(imod::transforms::parse, |value: &Vec<_>| {
            imod::transforms::write(value)
        }),
        seed: "1 0 0 1 0 0\n0.9 -0.1 0.1 0.9 3.5 -2\n",
        files: &[],
    },
    Room {
        name: "tilt angles",
        check: text_room!(imod::tilt_angles::parse, imod::tilt_angles::write),
        seed: "-60.00 1\n 0.00 2\n 60.5 3\n",
        files: &[],
    },
    Room {
        name: "numeric table",
        check: text_room!(numeric_table::parse, numeric_table::write),
        seed: "# head\n1, 2, 3\n4, 5e3, 6\n",
        files: &[],
    },
    Room {
        name: "alignment",
        check: text_room!(aretomo::alignment::parse, aretomo::alignment::write),
        seed: "# AreTomo Alignment / Priims bprmMn\n# RawSize = 20 20 4\n# NumPatches = 1\n# DarkFrame =     1    0   -66.00\n# AlphaOffset =     0.50\n# Thickness = 15\n# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT\n    3   -12.6611    1.00000     24.786     -2.677     1.00     1.00     1.00     0.00    -61.50\n# Local Alignment\n   0   0  -558.42   -802.00   -100.07     24.43   1.0\n",
        files: &["03_aretomo/aretomo3_small/test.aln"],
    },
    Room {
        name: "defocus",
        check: text_room!(imod::defocus::parse, imod::defocus::write),
        seed: "37\t0\t0.0\t0.0\t0.0\t3\n1\t1\t-57.00\t-57.00\t 1331.4\t  917.5\t  32.43\t    29.08\t   0.4912\n",
        files: &["02_imod/cets_TS_03/TS_03_plain_estimation.defocus"],
    },
    Room {
        name: "residuals",
        check: text_room!(imod::residuals::parse, |value: &Vec<_>| {
            imod::residuals::write(value)
        }),
        seed: " 2 residuals\n 1 2 0 0.1 0.2\n 3 4 1 0.5 -0.5 7\n",
        files: &[],
    },
    Room {
        name: "fiducials",
        check: text_room!(imod::fiducials::parse, imod::fiducials::write),
        seed: " 1 2.5 3 4 1 1 Pix: 20.2 Dim: 512 512\n 2 5 6 7 1 2\n",
        files: &[],
    },
    Room {
        name: "local alignment",
        check: text_room!(imod::local_alignment::parse, imod::local_alignment::write),
        seed: "2 1 10 20 5 5 1 20.2 1\n0.1\n0.2\n1 2\n1 0 0 1 0 0\n0.1\n0.2\n1 2\n1 0 0 1 0.5 0\n",
        files: &[],
    },
    Room {
        name: "command file",
        check: command_check,
        seed: "# c\n$tilt -StandardInput\nTHICKNESS 84\nRADIAL 0.35,0.05\nEXCLUDELIST 1-3,8\n$newstack\na.st\n",
        files: &["02_imod/BB_dual_axis_A/tilt.com"],
    },
    Room {
        name: "settings",
        check: text_room!(imod::settings::parse, imod::settings::write),
        seed: "#c\nA.b=1\nC = x\\:y\n\n[S = t]\nempty=\n",
        files: &[],
    },
    Room {
        name: "model",
        check: model_check,
        seed: "",
        files: &[
            "02_imod/models/two_contour_example.mod",
            "02_imod/models/slicer_angle_example.mod",
            "02_imod/models/multiple_objects_example.mod",
            "02_imod/models/point_sizes_example.mod",
        ],
    },
    Room {
        name: "ctffind",
        check: text_room!(ctffind::parse, ctffind::write),
        seed: "# h\n1.0 14477.8 13500.0 75.0 0.0 0.001 12.1\n2.0 14477.8 13500.0 75.0 0.0 0.001 inf -1\n",
        files: &[],
    },
    Room {
        name: "dynamo table",
        check: text_room!(dynamo::table::parse, dynamo::table::write),
        seed: "1 1 1 0 0 0 0 0 0 0 0 0 1 -60 60 -60 60 0 0 1 1 0 0 67.75 17.087 81 0 0+1.2074e-06i 0 0 0 1 0 0 0\n2 1 1 0 0 0 0 0 0 0 0 0 1 -60 60 -60 60 0 0 1 1 0 0 67.75 17.087 81 0 0 0 0 0 1 0 0 0\n",
        files: &[],
    },
    Room {
        name: "tomogram index",
        check: text_room!(dynamo::tomogram_index::parse, |value: &Vec<_>| {
            dynamo::tomogram_index::write(value)
        }),
        seed: " 1 /a/b c.mrc\n 2 /d.mrc\n",
        files: &[],
    },
    Room {
        name: "order list",
        check: text_room!(relion_text::tilt_order::parse_order_list, |value: &Vec<
            _,
        >| {
            relion_text::tilt_order::write_order_list(value)
        }),
        seed: "1,-30.01\n2,0.5\n",
        files: &[],
    },
    Room {
        name: "text table",
        check: text_room!(text_table::parse, text_table::write),
        seed: "a,b,c\n1,\"x, y\",3\n4,5,\"\"\"q\"\"\"\n",
        files: &["03_aretomo/aretomo3_small/TiltSeries_Metrics.csv"],
    },
    Room {
        name: "portal points",
        check: text_room!(portal::points::parse, |value: &Vec<_>| {
            portal::points::write(value).unwrap()
        }),
        seed: "{\"type\": \"orientedPoint\", \"location\": {\"x\": 1.5, \"y\": 2, \"z\": 3}, \"xyz_rotation_matrix\": [[1,0,0],[0,1,0],[0,0,0.1]], \"score\": 0.5}\n",
        files: &[],
    },
    Room {
        name: "copick",
        check: text_room!(portal::picks::parse, |value: &_| portal::picks::write(
            value
        )
        .unwrap()),
        seed: "{\"pickable_object_name\":\"r\",\"user_id\":\"0\",\"session_id\":\"1\",\"unit\":\"angstrom\",\"points\":[{\"location\":{\"x\":40,\"y\":20,\"z\":30},\"score\":0.5}]}",
        files: &["05_star_other/portal_annotations/copick.json"],
    },
    Room {
        name: "warp",
        check: warp_check,
        seed: "<?xml version=\"1.0\"?>\n<TiltSeries AreAnglesInverted=\"False\" PlaneNormal=\"0, 0, 1\">\n<Angles>1\n2</Angles>\n<UseTilt>True\nFalse</UseTilt>\n<CTF><Param Name=\"Voltage\" Value=\"300\" /></CTF>\n<GridCTF Width=\"1\" Height=\"1\" Depth=\"2\"><Node X=\"0\" Y=\"0\" Z=\"0\" Value=\"1\" /><Node X=\"0\" Y=\"0\" Z=\"1\" Value=\"2\" /></GridCTF>\n</TiltSeries>",
        files: &[],
    },
    Room {
        name: "pytom",
        check: pytom_check,
        seed: "<ParticleList><Particle Filename=\"p.em\"><Rotation Z1=\"1.5\" Z2=\"2\" X=\"3\" Paradigm=\"ZXZ\"/><Shift X=\"0\" Y=\"-1\" Z=\"0.5\"/><PickPosition X=\"1\" Y=\"2\" Z=\"3\" Origin=\"t.mrc\" Binning=\"4\"/><Wedge Type=\"S\"><W A=\"1\"/></Wedge><Score Type=\"FLCF\" Value=\"0.25\"/><Class Name=\"7\"/></Particle></ParticleList>",
        files: &[],
    },
];
