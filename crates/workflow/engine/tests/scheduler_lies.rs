//! A million events against schedulers that lie, fall silent and answer late, with engines that crash: no wrong final
//! state, no job doubled, and every job ends once the lying stops.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "scheduler/world.rs"]
mod world;

use world::World;

fn events() -> u64 {
    let given = std::env::var("THON_EVENTS").ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(1_000_000)
}

#[test]
fn lying_schedulers_never_lead_to_a_wrong_end() {
    let wanted = events();
    let (mut done, mut seed) = (0, 1);
    let mut ends = [0u64; 3];
    let mut crashes = 0;
    let mut lies = 0;
    while done < wanted {
        let mut world = World::new(seed);
        world.run();
        done += world.events;
        crashes += world.crashes;
        lies += world.lies;
        for (sum, n) in ends.iter_mut().zip(world.ends()) {
            *sum += n;
        }
        seed += 1;
    }
    let worlds = seed - 1;
    println!(
        "{done} events in {worlds} worlds, {lies} lies, {crashes} crashes of the engine: {} done, {} failed, {} cancelled",
        ends[0], ends[1], ends[2]
    );
    assert!(ends.iter().all(|n| *n > 0) && crashes > 0 && lies > done / 100);
}

/// The check itself is checked: a core that believes an executor's first "gone" is caught.
#[test]
fn a_credulous_core_is_caught() {
    let caught = (1..40).any(|seed| {
        let ran = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.credulous = true;
            world.run();
        });
        ran.is_err()
    });
    assert!(caught);
}
