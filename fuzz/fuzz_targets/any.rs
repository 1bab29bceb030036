//! Recognition by content, then the parser that fits.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = thon_inspect::inspect_bytes(bytes, "fuzz");
});
