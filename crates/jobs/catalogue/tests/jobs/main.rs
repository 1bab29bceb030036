//! Jobs on small files and on the real ones: what comes in, what goes out, and what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and tell what they measured"
)]

mod adopt;
mod class_ctf;
mod classification;
mod curate;
mod export_relion;
mod exports;
mod import_mdoc;
mod import_others;
mod import_relion;
mod level_density;
mod local_motion;
mod microscope_files;
mod microtubule;
mod movies;
mod project;
mod promises;
mod shared_data;
mod simulated;
