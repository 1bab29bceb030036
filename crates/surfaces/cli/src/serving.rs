//! What `thon serve` asks of the server that `app` hands in.

use std::path::PathBuf;

use thon_engine::Catalogue;

/// Serves a project until told to stop.
pub type Serve = fn(&ServeRequest<'_>) -> Result<(), String>;

/// The addresses of the page, with the role that each is for.
pub type Links = [(&'static str, String)];

/// What is to be served, and how.
pub struct ServeRequest<'a> {
    /// Version of the program.
    pub version: &'static str,
    /// The jobs.
    pub catalogue: Catalogue,
    /// The project directory; there is a project.
    pub project: PathBuf,
    /// The port of the loopback interface; 0 for any free one.
    pub port: u16,
    /// Directories whose files may be picked on the page, besides the project.
    pub roots: Vec<PathBuf>,
    /// Memory a job may use, in bytes.
    pub memory: u64,
    /// Flags of this program for the processes that run jobs.
    pub flags: Vec<String>,
    /// Told the addresses once the server answers; the first is the owner's.
    pub ready: &'a dyn Fn(&Links),
}
