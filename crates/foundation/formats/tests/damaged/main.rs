//! Damaged files: no parser panics, hangs or allocates without bound, and what a parser accepts is written in a
//! form that reads back to the same values.
//!
//! Deterministic: seed texts (and small real files where present) are mutated by tokens, lines and bytes.
#![cfg(test)]

#[cfg(test)]
mod checks;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod rooms;

#[cfg(test)]
mod tests {
    use super::mutation::Mutator;
    use super::rooms::ROOMS;
    use std::time::Instant;

    /// Mutations per seed.
    const ROUNDS: u64 = 4000;
    /// Longest a single parse and write may take; mutated seeds are at most a few hundred kB.
    const SLOWEST_SECONDS: f64 = 5.0;
    /// Memory the whole run may reach, kB.
    const MEMORY_LIMIT: u64 = 1 << 20;

    #[test]
    fn mutated_files() {
        for room in ROOMS {
            let seeds = room.seeds();
            assert!(!seeds.is_empty(), "{}", room.name);
            let mut accepted = 0;
            for (index, seed) in seeds.iter().enumerate() {
                assert!(
                    (room.check)(seed),
                    "{} refuses its own seed {index}",
                    room.name
                );
                let mut mutator = Mutator::new(index as u64);
                for _ in 0..ROUNDS {
                    let damaged = mutator.mutate(seed);
                    let start = Instant::now();
                    accepted += u64::from((room.check)(&damaged));
                    let seconds = start.elapsed().as_secs_f64();
                    assert!(
                        seconds < SLOWEST_SECONDS,
                        "{}: {seconds} s for {} bytes",
                        room.name,
                        damaged.len()
                    );
                }
            }
            println!(
                "{}: {} seeds, {accepted} of {} mutations accepted",
                room.name,
                seeds.len(),
                ROUNDS * seeds.len() as u64
            );
        }
        if let Some(peak) = peak_memory() {
            println!("peak memory {peak} kB");
            assert!(peak < MEMORY_LIMIT, "{peak} kB");
        }
    }

    #[test]
    fn hostile_texts() {
        let long = "x".repeat(2_000_000);
        let spaces = " ".repeat(2_000_000);
        let lines = "\n".repeat(500_000);
        let numbers = "1 ".repeat(500_000);
        let quotes = "'\"".repeat(200_000);
        let brackets = "[T = ".repeat(100_000);
        let underscores = "_a\n".repeat(100_000);
        let semicolons = ";\n".repeat(100_000);
        let texts = [
            long,
            spaces,
            lines,
            numbers,
            quotes,
            brackets,
            underscores,
            semicolons,
            "\0".repeat(100_000),
            "<a>".repeat(50_000),
        ];
        for room in ROOMS {
            let seed = &room.seeds()[0];
            for text in &texts {
                let start = Instant::now();
                let prefix = seed.iter().take(200).copied();
                (room.check)(text.as_bytes());
                (room.check)(&prefix.chain(text.bytes()).collect::<Vec<u8>>());
                let seconds = start.elapsed().as_secs_f64();
                assert!(
                    seconds < SLOWEST_SECONDS,
                    "{}: {seconds} s for {}…",
                    room.name,
                    &text[..5]
                );
            }
        }
    }

    /// Highest memory of this process so far, kB, where the system tells.
    fn peak_memory() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}
