//! Builds the page in `web/` with npm, for the binary to hold.
//!
//! Where npm is absent or fails, a plain page says so, cargo warns, and `thon serve` refuses with the reason: everything
//! else of the program builds and runs without Node.js.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let page = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("page");
    let web = manifest.join("../../../web");
    let web = web.canonicalize().unwrap_or(web);
    for name in [
        "src",
        "index.html",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "vite.config.ts",
    ] {
        println!("cargo::rerun-if-changed={}", web.join(name).display());
    }
    let missing = match build(&web, &page) {
        Ok(()) => String::new(),
        Err(why) => {
            println!("cargo::warning=the page of `thon serve` is left out: {why}");
            println!(
                "cargo::warning=install Node.js 18 or newer with npm, then build again; the rest works without it"
            );
            plain(&page).expect("the build directory can be written");
            why
        }
    };
    embed(&page).expect("the build directory can be written");
    println!(
        "cargo::rustc-env=THON_PAGE_MISSING={}",
        missing.replace('\n', " ")
    );
}

fn build(web: &Path, page: &Path) -> Result<(), String> {
    npm(web, &["--version"])?;
    let lock = fs::read(web.join("package-lock.json"))
        .map_err(|e| format!("web/package-lock.json: {e}"))?;
    // npm is asked again only when the versions change.
    let mark = web.join("node_modules/.thon-lock");
    if fs::read(&mark).ok().as_ref() != Some(&lock) {
        npm(web, &["ci", "--no-audit", "--no-fund"])?;
        fs::write(&mark, &lock).map_err(|e| format!("{}: {e}", mark.display()))?;
    }
    let out = format!("--outDir={}", page.display());
    npm(web, &["run", "build", "--", "--emptyOutDir", &out])
}

fn npm(web: &Path, words: &[&str]) -> Result<(), String> {
    let output = Command::new("npm").args(words).current_dir(web).output();
    let output = output.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => "npm was not found".to_owned(),
        _ => format!("npm cannot be started: {e}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().rev().take(12).collect();
    let said = lines.into_iter().rev().collect::<Vec<_>>().join(" | ");
    Err(format!("`npm {}` failed: {said}", words.join(" ")))
}

/// Writes the list of the page's files as a Rust expression.
fn embed(page: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    let mut open = vec![page.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut text = String::from("&[\n");
    for file in files {
        let name = file
            .strip_prefix(page)
            .unwrap_or(&file)
            .display()
            .to_string();
        let _ = writeln!(
            text,
            "({name:?}, include_bytes!({:?})),",
            file.display().to_string()
        );
    }
    text.push_str("]\n");
    fs::write(page.with_extension("rs"), text)
}

fn plain(page: &Path) -> io::Result<()> {
    fs::create_dir_all(page)?;
    fs::write(
        page.join("index.html"),
        "<!doctype html><title>thon</title><p>This thon was built without its page.\n",
    )
}
