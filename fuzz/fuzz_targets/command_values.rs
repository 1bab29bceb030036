//! The reader `command_values`, as the ordinary tests drive it.
#![no_main]

#[path = "../../crates/foundation/inspect/tests/hostile/direct.rs"]
mod direct;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = direct::read("command_values", bytes);
});
