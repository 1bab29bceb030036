//! EM files: round trips of all types in both byte orders; real files agree with the manifest.

use thon_images::em::{EmFile, EmSpec, write, write_file};
use thon_images::mrc::Statistics;
use thon_images::{ByteOrder, ImageError, Samples};

use crate::shared_data::{agrees, facts};

#[test]
fn all_types_in_both_byte_orders() {
    let all = [
        Samples::I8(vec![-128, 0, 1, 2, 3, 127]),
        Samples::I16(vec![-32768, 0, 1, 2, 3, 32767]),
        Samples::I32(vec![i32::MIN, 0, 1, 2, 3, i32::MAX]),
        Samples::F32(vec![0.5, -1.0, 1e30, 0.0, 3.25, -7.0]),
        Samples::F64(vec![0.1, -1.0, 1e300, 0.0, 3.25, -7.0]),
        Samples::ComplexF32(vec![[1.0, 2.0]; 6]),
    ];
    for samples in all {
        for byte_order in [ByteOrder::Little, ByteOrder::Big] {
            let spec = EmSpec {
                byte_order,
                comment: "a mask".into(),
                parameters: (0..40).map(|i| i * 1000 - 7).collect(),
                ..EmSpec::new([1, 2, 3])
            };
            let mut bytes = Vec::new();
            write(&mut bytes, &spec, &samples).unwrap();
            let em = EmFile::parse(&bytes).unwrap();
            assert_eq!(em.shape(), spec.shape);
            assert_eq!(em.header().byte_order, byte_order);
            assert_eq!(em.header().comment, spec.comment);
            assert_eq!(em.header().parameters, spec.parameters);
            assert_eq!(em.read_samples().unwrap(), samples);
            assert_eq!(
                em.read_all().is_err(),
                matches!(samples, Samples::ComplexF32(_))
            );
        }
    }
}

#[test]
fn mistakes_and_short_files_are_refused() {
    let spec = EmSpec::new([2, 2, 2]);
    assert!(write(Vec::new(), &spec, &Samples::F32(vec![0.0; 7])).is_err());
    assert!(write(Vec::new(), &spec, &Samples::U16(vec![0; 8])).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.em");
    write_file(&path, &spec, &Samples::F32(vec![1.5; 8])).unwrap();
    assert_eq!(EmFile::open(&path).unwrap().read_all().unwrap(), [1.5; 8]);
    let bytes = std::fs::read(&path).unwrap();
    assert!(matches!(
        EmFile::parse(&bytes[..bytes.len() - 1]),
        Err(ImageError::TooShort {
            promised: 2,
            complete: 1,
            ..
        })
    ));
    assert!(matches!(
        EmFile::parse(&bytes[..500]),
        Err(ImageError::NotThisFormat { .. })
    ));
}

#[test]
fn real_files_agree_with_the_manifest() {
    let all = facts("EM ");
    for fact in &all {
        let em = EmFile::open(&fact.path).unwrap();
        let [z, y, x] = em.shape();
        assert_eq!(vec![x, y, z], fact.dims().unwrap(), "{}", fact.file);
        let kind = format!("{:?}", em.header().sample_kind);
        assert_eq!(
            kind == "F64",
            fact.facts.contains("float64"),
            "{}",
            fact.file
        );
        let statistics = Statistics::of(&em.read_all().unwrap());
        assert!(
            agrees(statistics.min, fact.number("min").unwrap()),
            "{}",
            fact.file
        );
        assert!(
            agrees(statistics.max, fact.number("max").unwrap()),
            "{}",
            fact.file
        );
    }
    println!("{} EM files agree", all.len());
    assert!(all.is_empty() || all.len() == 9);
}
