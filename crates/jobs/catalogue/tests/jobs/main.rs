//! Jobs on small files and on the real ones: what comes in, what goes out, and what is refused.

mod adopt;
mod import_mdoc;
mod import_relion;
mod microscope_files;
mod project;
mod shared_data;
