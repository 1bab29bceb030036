//! The binary `thon`: hands the catalogue and the server to the command line.

mod demo;

use std::process::ExitCode;

use thon_cli::Application;
use thon_engine::Catalogue;

fn main() -> ExitCode {
    // A preference: where the allocator does not take it, the program is slower and otherwise the same.
    let _ = thon_compute::memory::keep_freed();
    // The user's own; what a project brings along is never run.
    let own = std::env::var_os("THON_PLUGINS").map(std::path::PathBuf::from);
    let own = own.or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(std::path::Path::new(&home).join(".config/thon/plugins"))
    });
    let plugins = match thon_engine::plugin::jobs(own.as_deref()) {
        Ok(plugins) => plugins,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {error}");
            return ExitCode::from(2);
        }
    };
    let application = Application {
        version: env!("CARGO_PKG_VERSION"),
        catalogue: Catalogue::new(thon_catalogue::ALL)
            .with_border(thon_catalogue::BORDER)
            .with_plugins(plugins),
        demo: Some(&demo::FIRST_LIGHT),
        serve: Some(thon_server::serve),
        pipelines: &[(
            "movies-to-tomograms",
            "From movies, their mdocs and a gain reference to CTF-corrected tomograms",
            include_str!("../pipelines/movies-to-tomograms.toml"),
        )],
    };
    thon_cli::run(application, std::env::args_os())
}
