//! The binary `thon`: hands the catalogue to the command line.

mod demo;

use std::process::ExitCode;

use thon_cli::Application;
use thon_engine::Catalogue;

fn main() -> ExitCode {
    // A preference: where the allocator does not take it, the program is slower and otherwise the same.
    let _ = thon_compute::memory::keep_freed();
    let application = Application {
        version: env!("CARGO_PKG_VERSION"),
        catalogue: Catalogue::new(thon_catalogue::ALL).with_border(thon_catalogue::BORDER),
        demo: Some(&demo::FIRST_LIGHT),
    };
    thon_cli::run(application, std::env::args_os())
}
