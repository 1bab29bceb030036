# `just` lists what there is to do.

_list:
    @just --list --unsorted

# What CI runs: format, lints, rules of the house, all tests
check:
    ./.ci/run

# Debug build of the program
build:
    cargo build --package thon

# All tests, or those of one crate: `just test -p thon-ctf`
test *arguments:
    ./.ci/test {{ arguments }}

# Floors, lengths, headers, names, licences, duplicate dependencies
tidy:
    cargo xtask tidy

# Formats all code
fmt:
    cargo fmt --all

# Lints of all crates
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# From simulated tilt series to a map, in a release build
demo *arguments="--output thon-demo":
    cargo run --release --package thon -- demo {{ arguments }}

# Kernels against the hardware floor: `just bench`, `just bench wbp`
bench name="":
    cargo bench --package thon-benches {{ if name == "" { "" } else { "--bench " + name } }}

# Installs `thon` for this user
install:
    cargo install --path app --locked
