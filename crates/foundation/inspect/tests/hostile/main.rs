//! Hostile input: every parser on mutated files; an answer or one error, never a panic, never slow.
//!
//! The ordinary test runs a bounded number; `THON_FUZZ_EXECUTIONS=10000000 cargo test -p thon-inspect
//! --test hostile -- --ignored --nocapture` runs as many as asked and prints the totals per
//! parser; `THON_FUZZ_FIRST` starts at another execution number, for other files.
#![expect(clippy::print_stdout, reason = "the totals are the point")]

mod mutate;
mod seeds;
mod text_seeds;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Mutator;
use thon_inspect::{Kind, inspect_as, inspect_bytes};

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Executions of one parser.
#[derive(Debug, Default, Clone)]
struct Totals {
    executions: u64,
    answered: u64,
    refused: u64,
    slowest: Duration,
    failures: Vec<String>,
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.executions += other.executions;
        self.answered += other.answered;
        self.refused += other.refused;
        self.slowest = self.slowest.max(other.slowest);
        self.failures.extend(other.failures);
    }
}

/// A name that files of this kind may have.
fn extension(kind: Kind) -> &'static str {
    match kind {
        Kind::Mrc => "a.mrc",
        Kind::Tiff => "a.tif",
        Kind::Eer => "a.eer",
        Kind::Em => "a.em",
        Kind::DigitalMicrograph => "a.dm3",
        Kind::CryosparcTable => "a.cs",
        Kind::ImodModel => "a.mod",
        Kind::AtomicModel => "a.pdb",
        Kind::Star => "a.star",
        Kind::Mdoc => "a.mdoc",
        Kind::AretomoAlignment => "a.aln",
        Kind::NumberTable => "a.tlt",
        Kind::Transforms => "a.xf",
        Kind::Defocus => "a.defocus",
        Kind::Residuals => "a.resid",
        Kind::Fiducials => "fid.xyz",
        Kind::LocalAlignment => "local.xf",
        Kind::DynamoTable => "a.tbl",
        Kind::CommandFile => "a.com",
        Kind::KeyValueFile => "a.prm",
        Kind::Csv => "a.csv",
        Kind::Json => "a.json",
        Kind::Xml => "a.xml",
        Kind::Compressed => "a.mrc.gz",
        Kind::ZipArchive => "a.npz",
        _ => "a.txt",
    }
}

/// Runs the executions of one thread: every `step`-th number from `first`.
fn run(kind: Kind, seeds: &[Vec<u8>], first: u64, step: u64, count: u64) -> Totals {
    let shift = environment("THON_FUZZ_FIRST").unwrap_or(0);
    let mut totals = Totals::default();
    for execution in (first..count).step_by(step as usize) {
        let bytes = Mutator::new(seeds, kind as u64, shift + execution).next();
        let start = Instant::now();
        // Every eighth file is recognised first, half of these under no name that helps.
        let outcome = catch_unwind(AssertUnwindSafe(|| match execution % 16 {
            0 => inspect_bytes(&bytes, "hostile"),
            8 => inspect_bytes(&bytes, extension(kind)),
            _ => inspect_as(kind, &bytes, "hostile"),
        }));
        totals.executions += 1;
        totals.slowest = totals.slowest.max(start.elapsed());
        match outcome {
            Ok(Ok(_)) => totals.answered += 1,
            Ok(Err(_)) => totals.refused += 1,
            Err(_) => totals.failures.push(reproducer(kind, execution, &bytes)),
        }
    }
    totals
}

fn reproducer(kind: Kind, execution: u64, bytes: &[u8]) -> String {
    let path = format!("{}/{kind:?}-{execution}.bin", env!("CARGO_TARGET_TMPDIR"));
    let _ = std::fs::write(&path, bytes);
    format!(
        "{kind:?}, execution {execution}, {} bytes, kept as {path}",
        bytes.len()
    )
}

/// All parsers, `per_parser` executions each, on two threads.
fn campaign(per_parser: u64) -> BTreeMap<Kind, Totals> {
    let seeds = seeds::all();
    let mut all = BTreeMap::new();
    for (kind, seeds) in &seeds {
        let mut totals = Totals::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|first| scope.spawn(move || run(*kind, seeds, first, 2, per_parser)))
                .collect();
            for thread in threads {
                totals.add(thread.join().expect("a panic of a parser is caught inside"));
            }
        });
        all.insert(*kind, totals);
    }
    all
}

fn report(all: &BTreeMap<Kind, Totals>, seconds: f64) {
    let executions: u64 = all.values().map(|totals| totals.executions).sum();
    for (kind, totals) in all {
        println!(
            "{:18} {:>9} executions, {:>9} answered, {:>9} refused, slowest {:.1} ms",
            format!("{kind:?}"),
            totals.executions,
            totals.answered,
            totals.refused,
            totals.slowest.as_secs_f64() * 1e3
        );
    }
    println!(
        "{executions} executions over {} parsers in {seconds:.1} s: {:.0} per second",
        all.len(),
        executions as f64 / seconds
    );
}

fn hold(all: &BTreeMap<Kind, Totals>) {
    let failures: Vec<&String> = all.values().flat_map(|totals| &totals.failures).collect();
    assert!(
        failures.is_empty(),
        "{} panics, first ones: {:#?}",
        failures.len(),
        &failures[..failures.len().min(20)]
    );
    for (kind, totals) in all {
        assert!(
            totals.slowest < Duration::from_secs(2),
            "{kind:?} took {:?} on one small file",
            totals.slowest
        );
        assert!(
            totals.answered > 0,
            "{kind:?}: no mutated file could be read, so the mutator does not reach inside"
        );
    }
}

#[test]
fn no_parser_panics_on_mutated_files() {
    let start = Instant::now();
    let all = campaign(800);
    report(&all, start.elapsed().as_secs_f64());
    hold(&all);
}

#[test]
#[ignore = "as long as THON_FUZZ_EXECUTIONS says"]
fn long_campaign() {
    let wanted = environment("THON_FUZZ_EXECUTIONS").unwrap_or(1_000_000);
    let start = Instant::now();
    let all = campaign(wanted.div_ceil(seeds::all().len() as u64));
    report(&all, start.elapsed().as_secs_f64());
    hold(&all);
}

#[test]
fn the_same_execution_gives_the_same_bytes() {
    let seeds = seeds::all();
    for (kind, seeds) in &seeds {
        for execution in 0..20 {
            let one = Mutator::new(seeds, *kind as u64, execution).next();
            let two = Mutator::new(seeds, *kind as u64, execution).next();
            assert_eq!(one, two, "{kind:?} {execution}");
        }
    }
}

#[test]
fn made_seeds_are_what_they_are_meant_to_be() {
    let mut refused = Vec::new();
    for (kind, bytes) in seeds::made() {
        refused.extend(
            inspect_as(kind, &bytes, &format!("{kind:?}"))
                .err()
                .map(|error| error.to_string()),
        );
    }
    println!("{refused:#?}");
    // Only the document type declaration is refused, on purpose.
    assert!(
        refused.len() == 1 && refused[0].contains("DTD"),
        "{refused:#?}"
    );
}

/// Faults planted in small readers; the mutator must run into each of them.
#[test]
fn planted_faults_are_found() {
    let number = |bytes: &[u8], at: usize| {
        let four = bytes
            .get(at..at + 4)
            .and_then(|four| four.try_into().ok())
            .unwrap_or([0; 4]);
        u32::from_le_bytes(four) as usize
    };
    // Each answers whether a careless reader would have failed on the file.
    let trusts_dimensions = |bytes: &[u8]| {
        number(bytes, 0)
            .checked_mul(number(bytes, 4))
            .is_none_or(|n| n > 1 << 32)
    };
    let trusts_length =
        |bytes: &[u8]| bytes.len() >= 1024 && 1024 + number(bytes, 92) > bytes.len();
    let trusts_rows = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines()
            .any(|line| line.starts_with("1 ") && line.split(' ').any(|word| word == "nan"))
    };
    let trusts_quotes =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).matches('\'').count() % 2 == 1;
    let seeds = seeds::all();
    let found = |kind: Kind, fails: &dyn Fn(&[u8]) -> bool| {
        (0..4000)
            .filter(|execution| fails(&Mutator::new(&seeds[&kind], 7, *execution).next()))
            .count()
    };
    let counts = [
        found(Kind::Mrc, &trusts_dimensions),
        found(Kind::Mrc, &trusts_length),
        found(Kind::NumberTable, &trusts_rows).max(found(Kind::DynamoTable, &trusts_rows)),
        found(Kind::Star, &trusts_quotes),
    ];
    println!("planted faults met in 4000 files each: {counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}
