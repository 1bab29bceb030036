//! Same parameters, inputs and seed: the same bytes, whatever the number of threads.

use thon_compute::Quiet;

use crate::fixture::{cases, files_below, fixture};

#[test]
fn one_two_and_four_threads_write_the_same_bytes() {
    let fixture = fixture();
    for case in cases() {
        let before = files_below(&fixture.root().join("jobs").join(case.id));
        assert!(!before.is_empty(), "{}", case.id);
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let aside = fixture.aside();
            pool.install(|| fixture.run(&case, &Quiet, &aside)).unwrap();
            let now = files_below(&aside);
            let names = |files: &std::collections::BTreeMap<_, _>| {
                files.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(names(&now), names(&before), "{}", case.id);
            for (name, bytes) in &now {
                assert!(
                    before[name] == *bytes,
                    "{}: {} differs with {threads} threads",
                    case.id,
                    name.display()
                );
            }
        }
    }
}

#[test]
fn another_seed_gives_other_images() {
    let fixture = fixture();
    let mut case = cases().remove(0);
    case.params["seed"] = 4.into();
    let aside = fixture.aside();
    fixture.run(&case, &Quiet, &aside).unwrap();
    let before = files_below(&fixture.root().join("jobs").join(case.id));
    let now = files_below(&aside);
    assert!(before.keys().eq(now.keys()));
    let stack = std::path::Path::new("TS_01.mrc");
    assert_ne!(before[stack], now[stack]);
}
