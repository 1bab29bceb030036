//! Hostile input: every parser on mutated files; an answer or one error, never a panic, never slow.
//!
//! The ordinary test runs a bounded number; `THON_FUZZ_EXECUTIONS=10000000 cargo test -p thon-inspect
//! --test hostile -- --ignored --nocapture` runs as many as asked and prints the totals per
//! parser; `THON_FUZZ_FIRST` starts at another execution number, for other files, and `THON_FUZZ_PARSERS`
//! takes only the parsers named.
#![expect(clippy::print_stdout, reason = "the totals are the point")]

mod corpus;
mod corpus_bytes;
mod corpus_text;
mod direct;
mod mutate;
mod parsers;
mod seeds;
mod text_seeds;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Mutator;
use parsers::Parser;
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

/// Runs the executions of one thread: every `step`-th number from `first`.
fn run(parser: &Parser, seeds: &[Vec<u8>], first: u64, step: u64, count: u64) -> Totals {
    let shift = environment("THON_FUZZ_FIRST").unwrap_or(0);
    let mut totals = Totals::default();
    for execution in (first..count).step_by(step as usize) {
        let bytes = Mutator::new(seeds, parser.stream, shift + execution).next();
        let start = Instant::now();
        // Every eighth file is recognised first, half of these under no name that helps.
        let outcome = catch_unwind(AssertUnwindSafe(|| match execution % 16 {
            0 if parser.kind().is_some() => inspect_bytes(&bytes, "hostile")
                .map(|_| ())
                .map_err(|error| error.to_string()),
            8 if parser.kind().is_some() => parser.recognise(&bytes),
            _ => parser.read(&bytes),
        }));
        totals.executions += 1;
        totals.slowest = totals.slowest.max(start.elapsed());
        match outcome {
            Ok(Ok(())) => totals.answered += 1,
            Ok(Err(_)) => totals.refused += 1,
            Err(_) => totals
                .failures
                .push(reproducer(&parser.name, execution, &bytes)),
        }
    }
    totals
}

fn reproducer(parser: &str, execution: u64, bytes: &[u8]) -> String {
    let path = format!("{}/{parser}-{execution}.bin", env!("CARGO_TARGET_TMPDIR"));
    let _ = std::fs::write(&path, bytes);
    format!(
        "{parser}, execution {execution}, {} bytes, kept as {path}",
        bytes.len()
    )
}

/// The parsers asked for, `per_parser` executions each, on two threads.
fn campaign(parsers: &[(Parser, Vec<Vec<u8>>)], per_parser: u64) -> BTreeMap<String, Totals> {
    let mut all = BTreeMap::new();
    for (parser, seeds) in parsers {
        let mut totals = Totals::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|first| scope.spawn(move || run(parser, seeds, first, 2, per_parser)))
                .collect();
            for thread in threads {
                totals.add(thread.join().expect("a panic of a parser is caught inside"));
            }
        });
        all.insert(parser.name.clone(), totals);
    }
    all
}

/// Every parser with its seeds; `THON_FUZZ_PARSERS=star,settings` takes only these.
fn parsers() -> Vec<(Parser, Vec<Vec<u8>>)> {
    let wanted = std::env::var("THON_FUZZ_PARSERS").unwrap_or_default();
    let mut list = seeds::of_parsers();
    if !wanted.is_empty() {
        list.retain(|(parser, _)| wanted.split(',').any(|name| name == parser.name));
    }
    list
}

fn report(all: &BTreeMap<String, Totals>, seconds: f64) {
    let executions: u64 = all.values().map(|totals| totals.executions).sum();
    for (parser, totals) in all {
        println!(
            "{:18} {:>9} executions, {:>9} answered, {:>9} refused, slowest {:.1} ms",
            parser,
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

fn hold(all: &BTreeMap<String, Totals>) {
    let failures: Vec<&String> = all.values().flat_map(|totals| &totals.failures).collect();
    assert!(
        failures.is_empty(),
        "{} panics, first ones: {:#?}",
        failures.len(),
        &failures[..failures.len().min(20)]
    );
    for (parser, totals) in all {
        assert!(
            totals.slowest < Duration::from_secs(2),
            "{parser} took {:?} on one small file",
            totals.slowest
        );
        assert!(
            totals.answered > 0,
            "{parser}: no mutated file could be read, so the mutator does not reach inside"
        );
    }
}

#[test]
fn no_parser_panics_on_mutated_files() {
    let start = Instant::now();
    let all = campaign(&seeds::of_parsers(), 800);
    report(&all, start.elapsed().as_secs_f64());
    hold(&all);
}

#[test]
#[ignore = "as long as THON_FUZZ_EXECUTIONS says"]
fn long_campaign() {
    let wanted = environment("THON_FUZZ_EXECUTIONS").unwrap_or(1_000_000);
    let start = Instant::now();
    let parsers = parsers();
    let all = campaign(&parsers, wanted.div_ceil(parsers.len() as u64));
    report(&all, start.elapsed().as_secs_f64());
    hold(&all);
}

#[test]
fn the_same_execution_gives_the_same_bytes() {
    for (parser, seeds) in &seeds::of_parsers() {
        for execution in 0..20 {
            let one = Mutator::new(seeds, parser.stream, execution).next();
            let two = Mutator::new(seeds, parser.stream, execution).next();
            assert_eq!(one, two, "{} {execution}", parser.name);
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
