//! Help, manual pages, completions.

use thon_cli::Exit;

use crate::shell::{line, thon};

#[test]
fn the_first_page_lists_all_commands() {
    let page = line("help").ok();
    assert!(page.starts_with("From tilt-series movies to a map, and back into the cell.\n"));
    for word in [
        "\nStart\n",
        "  run          Run a job",
        "  -q, --quiet",
        "thon help exit-codes",
    ] {
        assert!(page.contains(word), "{word}\n{page}");
    }
    assert_eq!(line("--help").ok(), page);
    assert_eq!(line("-h").ok(), page);
    let nothing = thon::<&str>(&[]);
    assert_eq!((nothing.exit, nothing.out), (Exit::Usage, page));
    assert_eq!(line("--version").ok(), "thon 0.0.0-toy\n");
}

#[test]
fn a_manual_page_says_all_that_is_declared() {
    let expected = "\
toy.scale-curve: Multiply each curve by a factor

Usage
  thon run toy.scale-curve --curve JOB.SLOT|FILE [PARAMETERS] [--output DIR]

Inputs
  curve  (curves, one at a time)
      One curve at a time.

Outputs
  scaled  (curves)
      The scaled curve.

Parameters
  --factor <Å>  (default 2 Å; -100 to 100 Å)
      By how much.
  --negative <keep|clip>  (default keep)
      What to do with negative values.
        keep  Keep them.
        clip  Set them to zero.
  --warn <true|false>  (default false)
      Whether to warn about each curve.
  --fail <TEXT>  (default none)
      Item that fails.
  --pause <N>  (default 0; expert)
      Milliseconds that each of ten steps takes.
  --parameter-title <TEXT>  (default none)
      A title of its own.

Parameters: smoothing ([smoothing] in TOML)
  --smoothing-weights <NUMBER,…>  (default empty)
      Weights of the neighbours.

Methods
  Curves were multiplied by 2.
  Nobody 1999, https://doi.org/10.1000/toy
";
    assert_eq!(line("help toy.scale-curve").ok(), expected);
    let document = line("help toy.scale-curve --json").json();
    assert_eq!(document["inputs"][0]["kind"], "curves");
    assert_eq!(
        document["parameters"]["properties"]["factor"]["x-unit"],
        "Å"
    );
    assert_eq!(document["defaults"]["factor"], 2.0);
}

#[test]
fn expert_flags_show_only_in_the_long_help() {
    let (short, long) = (
        line("run toy.scale-curve -h").ok(),
        line("run toy.scale-curve --help").ok(),
    );
    assert!(!short.contains("--pause") && long.contains("--pause <N>"));
    assert!(
        short.contains("--factor <Å>") && short.contains("[default: 2 Å]"),
        "{short}"
    );
    assert!(long.contains("- clip: Set them to zero.\n"), "{long}");
    assert!(long.contains("inputs: curve (curves)"), "{long}");
}

#[test]
fn topics_and_the_catalogue() {
    let codes = line("help exit-codes").ok();
    assert_eq!(codes.lines().count(), 6);
    assert!(codes.contains("\n4  cancelled"));
    assert_eq!(line("help exit-codes --json").json()[2]["code"], 2);
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    for exit in Exit::ALL {
        let row = format!("\n| {} | {} |\n", exit.code(), exit.meaning());
        assert!(readme.contains(&row), "{row}");
    }
    assert!(line("help pipelines").ok().contains("[[step]]"));
    assert!(line("help show").ok().contains("Usage: thon show"));
    let jobs = line("jobs").ok();
    assert!(
        jobs.contains("toy.make") && jobs.contains("\n\nexport.text-curves"),
        "{jobs}"
    );
    assert_eq!(line("jobs --json").json().as_array().unwrap().len(), 3);
}

#[test]
fn completions_know_jobs_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = line(&format!("completions {shell}")).ok();
        assert!(script.contains("toy.scale-curve"), "{shell}");
        assert!(script.contains("smoothing-weights"), "{shell}");
    }
}
