//! Every real image file is recognised as what it is.

use thon_images::{ImageKind, detect_file};

use crate::shared_data::facts;

#[test]
fn real_files_are_recognised() {
    for (prefix, kind) in [
        ("MRC", ImageKind::Mrc),
        ("TIFF", ImageKind::Tiff),
        ("EM ", ImageKind::Em),
        ("DM3", ImageKind::Dm3),
        ("cryoSPARC .cs", ImageKind::Npy),
    ] {
        for fact in facts(prefix) {
            let compressed = fact
                .path
                .extension()
                .is_some_and(|e| e == "gz" || e == "bz2");
            let expected = if compressed {
                ImageKind::CompressedMrc
            } else {
                kind
            };
            assert_eq!(
                detect_file(&fact.path).unwrap(),
                Some(expected),
                "{}",
                fact.file
            );
        }
    }
}
