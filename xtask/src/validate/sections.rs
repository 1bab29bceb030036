//! What is validated: the commands of every section and which of the lines they print are figures.

/// One command.
pub struct Command {
    /// Environment variables, name and value.
    pub environment: &'static [(&'static str, &'static str)],
    /// Program and arguments, separated by blanks.
    pub line: &'static str,
}

/// One section of the document.
pub struct Section {
    /// Its name in the markers and on the command line.
    pub name: &'static str,
    /// The commands, run one after the other.
    pub commands: &'static [Command],
    /// A line is a figure when it contains one of these.
    pub figures: &'static [&'static str],
    /// Pictures that the commands leave in the target folder.
    pub pictures: &'static [&'static str],
}

const fn cargo(line: &'static str) -> Command {
    Command {
        environment: &[],
        line,
    }
}

const fn with(environment: &'static [(&'static str, &'static str)], line: &'static str) -> Command {
    Command { environment, line }
}

const fn section(
    name: &'static str,
    commands: &'static [Command],
    figures: &'static [&'static str],
) -> Section {
    Section {
        name,
        commands,
        figures,
        pictures: &[],
    }
}

/// All sections, the quick ones first.
pub const SECTIONS: &[Section] = &[
    section(
        "files",
        &[cargo(
            "cargo test -p thon-inspect --test shared_manifest -- --nocapture --test-threads 1",
        )],
        &[" files, kinds", "facts", "slowest", "cut files"],
    ),
    section(
        "relion-project",
        &[cargo(
            "cargo test -p thon-interop --test interop relion_project -- --nocapture --test-threads 1",
        )],
        &["values equal", "files equal", "mean cosine"],
    ),
    section(
        "projected-points",
        &[cargo(
            "cargo test -p thon-interop --test interop projected_points -- --nocapture --test-threads 1",
        )],
        &[" px", "series checked"],
    ),
    section(
        "mirrored",
        &[cargo(
            "cargo test -p thon-tests --test mirrored_ribosome -- --nocapture --test-threads 1",
        )],
        &["mirrored"],
    ),
    Section {
        name: "perturbed",
        commands: &[cargo(
            "cargo test -p thon-tests --test perturbed_ribosome -- --ignored --nocapture --test-threads 1",
        )],
        figures: &["poses", "refined"],
        pictures: &["ribosome_perturbed.png", "ribosome_perturbed_fsc.png"],
    },
    section(
        "helix",
        &[cargo(
            "cargo test -p thon-average --test helix -- --include-ignored --nocapture --test-threads 1",
        )],
        &["helix: "],
    ),
    section(
        "uncertainty",
        &[cargo(
            "cargo test -p thon-average --test uncertainty -- --nocapture --test-threads 1",
        )],
        &["signal over noise"],
    ),
    section(
        "stopping",
        &[cargo(
            "cargo test -p thon-average --test stopping -- --ignored --nocapture --test-threads 1",
        )],
        &["stopping: "],
    ),
    Section {
        name: "symmetry",
        commands: &[cargo(
            "cargo test -p thon-tests --test symmetric_targets -- --ignored --nocapture --test-threads 1",
        )],
        figures: &["symmetry found"],
        pictures: &["symmetric_targets.png"],
    },
    Section {
        name: "ribosome",
        commands: &[cargo(
            "cargo test -p thon-tests --test real_ribosome -- --nocapture --test-threads 1",
        )],
        figures: &[
            "mirrored",
            "resolution",
            "half maps FSC",
            "lowest FSC",
            "amino acids",
            "defocus hand",
        ],
        pictures: &["ribosome_empiar10499.png", "ribosome_empiar10499_fsc.png"],
    },
    section(
        "simulated",
        &[cargo(
            "cargo test -p thon-tests --test first_light --test relion -- --nocapture --test-threads 1",
        )],
        &["bound", "lowest FSC", "half maps"],
    ),
    section(
        "post-processing",
        &[
            cargo("cargo test -p thon-tests --test post_process -- --nocapture --test-threads 1"),
            cargo(
                "cargo test -p thon-tests --test relion_maps -- --include-ignored --nocapture --test-threads 1",
            ),
            cargo("cargo test -p thon-maps -- --nocapture --test-threads 1 local_resolution"),
        ],
        &[
            "corrected FSC",
            " against ",
            "relion_postprocess",
            "beside RELION",
            "mean error",
        ],
    ),
    section(
        "demo",
        &[cargo(
            "cargo run --release -p thon -- demo --output target/tmp/demo",
        )],
        &[" Å", " s", "MiB", "GiB", "FSC"],
    ),
    section(
        "averaging",
        &[
            cargo("cargo build --release -p thon"),
            cargo(
                "cargo test -p thon-tests --test averaging -- --ignored --nocapture --test-threads 1",
            ),
        ],
        &["averaging: "],
    ),
    section(
        "classes",
        &[
            cargo(
                "cargo test -p thon-tests --test plain_classification -- --nocapture --test-threads 1",
            ),
            cargo(
                "cargo test -p thon-catalogue --test jobs -- --nocapture --test-threads 1 class_ctf",
            ),
            cargo("cargo test -p thon --test processes"),
        ],
        &["relion_refine --continue", "agreement with the truth"],
    ),
    section(
        "web",
        &[
            cargo("cargo build -p thon"),
            cargo("cargo run -p thon -- demo --output target/tmp/demo"),
            cargo(
                "node web/tests/tour.mjs --thon target/debug/thon --demo target/tmp/demo --shots web/tests/shots",
            ),
        ],
        &["the page holds"],
    ),
    section(
        "curate",
        &[
            cargo("cargo build -p thon"),
            cargo("node web/tests/curate.mjs --thon target/debug/thon --shots web/tests/shots"),
        ],
        &["curate: "],
    ),
    section(
        "scale",
        &[cargo(
            "cargo test -p thon --test scale -- --ignored --nocapture",
        )],
        &["scale: "],
    ),
    section(
        "speed",
        &[
            cargo("cargo bench -p thon-benches --bench wbp"),
            cargo("cargo bench -p thon-benches --bench particle"),
            cargo("cargo bench -p thon-benches --bench local_resolution"),
        ],
        &["per core", "floor", "GFLOP", "per second", "CPU s"],
    ),
    section(
        "contrast-transfer",
        &[
            cargo("cargo test -p thon-ctf-fit --test real_spectra -- --nocapture --test-threads 1"),
            cargo(
                "cargo test -p thon-ctf-fit --test recon series_of_1024 -- --ignored --nocapture --test-threads 1",
            ),
        ],
        &["ctf "],
    ),
    section(
        "contrast-transfer-bound",
        &[cargo(
            "cargo test -p thon-ctf-fit --test bound -- --ignored --nocapture --test-threads 1",
        )],
        &["ctf "],
    ),
    section(
        "tomograms",
        &[
            cargo("cargo bench -p thon-benches --bench tomogram"),
            cargo(
                "cargo test -p thon-denoise --test local_resolution -- --nocapture --test-threads 1",
            ),
            cargo(
                "cargo test -p thon-tests --test recon_tomograms -- --ignored --nocapture --test-threads 1",
            ),
        ],
        &[
            "CPU s",
            "per voxel",
            "WBP",
            "strips",
            "3D-CTF",
            "SIRT",
            "diffusion",
            "local resolution",
            "floor",
        ],
    ),
    section(
        "alignment",
        &[
            cargo("cargo test -p thon-align --lib local -- --nocapture --test-threads 1"),
            cargo(
                "cargo test -p thon-align --test simulated_series -- --ignored --nocapture --test-threads 1",
            ),
        ],
        &["alignment: "],
    ),
    section(
        "alignment-data",
        &[
            cargo(
                "cargo test -p thon-tests --test imod_beads --test markerless_needle -- --nocapture --test-threads 1",
            ),
            cargo(
                "cargo test -p thon-catalogue --test jobs -- --include-ignored --nocapture --test-threads 1 doming",
            ),
        ],
        &["alignment: "],
    ),
    section(
        "alignment-markerless",
        &[
            cargo(
                "cargo test -p thon-tests --test markerless_recon -- --ignored --nocapture --test-threads 1",
            ),
            cargo("cargo bench -p thon-benches --bench alignment"),
        ],
        &["alignment: "],
    ),
    section(
        "fuzz",
        &[with(
            &[("THON_FUZZ_EXECUTIONS", "10000000")],
            "cargo test -p thon-inspect --test hostile -- --ignored long_campaign --nocapture",
        )],
        &["executions"],
    ),
    section(
        "interruption",
        &[with(
            &[("THON_KILLS", "200")],
            "cargo test -p thon --test kill -- --nocapture",
        )],
        &[" kills in "],
    ),
    section(
        "queue",
        &[
            with(
                &[("THON_EVENTS", "10000000")],
                "cargo test -p thon-engine --test scheduler_lies -- --nocapture",
            ),
            cargo("cargo build -p thon-cli --example toy"),
            with(
                &[("THON_KILLS", "10000")],
                "cargo test -p thon-cli --test queue -- --nocapture --test-threads 1",
            ),
            cargo("cargo test -p thon-engine --test plugin_liars -- --nocapture"),
        ],
        &[
            " events in ",
            " kills of owner",
            " running jobs",
            "lies are caught",
        ],
    ),
    section(
        "slurm",
        &[cargo(
            "cargo test -p thon --test slurm -- --ignored --nocapture",
        )],
        &["slurm: "],
    ),
    section(
        "picking",
        &[cargo(
            "cargo test -p thon-tests --test crowded_tomograms -- --ignored --nocapture --test-threads 1",
        )],
        &[
            "orientations,",
            "best F1",
            "false positives expected",
            "coarse to fine",
            "hand told",
            "per voxel and orientation",
        ],
    ),
];
