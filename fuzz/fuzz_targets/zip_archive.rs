//! The ZipArchive parser, whatever the bytes look like.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = thon_inspect::inspect_as(thon_inspect::Kind::ZipArchive, bytes, "fuzz");
});
