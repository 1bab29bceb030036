//! Speed and memory of STAR reading and writing on a large table; run by hand.

use super::*;

/// One million rows of 30 columns, as in a large refinement.
#[test]
#[ignore = "measures speed; run with --ignored --nocapture"]
fn million_rows() {
    use std::fmt::Write as _;
    let mut text = String::from("data_particles\n\nloop_\n");
    for column in 0..30 {
        writeln!(text, "_rlnColumn{column} #{}", column + 1).unwrap();
    }
    let mut row = String::new();
    for column in 0..30 {
        write!(row, "{:12.6} ", f64::from(column) * 123.456_789 - 1000.0).unwrap();
    }
    row.push('\n');
    for _ in 0..1_000_000 {
        text.push_str(&row);
    }
    let bytes = text.len();
    let start = std::time::Instant::now();
    let file = parser::parse(SourceText {
        name: "big".to_owned(),
        text,
    })
    .unwrap();
    let parsed = start.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!(
        "after parsing: {}",
        status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap_or("memory unknown")
    );
    let table = file.table("particles").unwrap();
    assert_eq!(table.rows(), 1_000_000);
    let start = std::time::Instant::now();
    for column in table.columns().take(6) {
        assert_eq!(column.to_f64().unwrap().len(), 1_000_000);
    }
    println!(
        "{bytes} bytes parsed in {parsed:?}; six columns as f64 in {:?}",
        start.elapsed()
    );
    let mut changed = file;
    changed.find_mut("particles").unwrap().tables[0]
        .set_f64("rlnColumn3", (0..1_000_000).map(f64::from))
        .unwrap();
    let start = std::time::Instant::now();
    let mut sink = Vec::new();
    writer::write(&changed, "sink", &mut sink).unwrap();
    println!("{} bytes rewritten in {:?}", sink.len(), start.elapsed());
}
