//! npy, npz and cryoSPARC tables: round trips, Fortran order, text; real files agree with the manifest.

use std::io::Cursor;

use proptest::prelude::*;
use thon_images::npy::{
    FieldKind, NpyArray, NpyField, NpzFile, write_npy, write_npz, write_records,
};
use thon_images::{ByteOrder, ImageError, SampleKind, Samples};

use crate::shared_data::{facts, shared};

fn all_types(values: &[i16]) -> Vec<Samples> {
    vec![
        Samples::U8(values.iter().map(|&v| v as u8).collect()),
        Samples::I8(values.iter().map(|&v| v as i8).collect()),
        Samples::U16(values.iter().map(|&v| v as u16).collect()),
        Samples::I16(values.to_vec()),
        Samples::U32(values.iter().map(|&v| v as u32).collect()),
        Samples::I32(values.iter().map(|&v| i32::from(v) * 65536).collect()),
        Samples::U64(values.iter().map(|&v| v as u64).collect()),
        Samples::I64(values.iter().map(|&v| i64::from(v) << 40).collect()),
        Samples::F16(
            values
                .iter()
                .map(|&v| half::f16::from_f32(f32::from(v) / 7.0))
                .collect(),
        ),
        Samples::F32(values.iter().map(|&v| f32::from(v) / 7.0).collect()),
        Samples::F64(values.iter().map(|&v| f64::from(v) / 7.0).collect()),
        Samples::ComplexF32(values.iter().map(|&v| [f32::from(v), 1.0]).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arrays_survive(values in prop::collection::vec(any::<i16>(), 24), flat in any::<bool>()) {
        let shape: &[usize] = if flat { &[24] } else { &[2, 3, 4] };
        for samples in all_types(&values) {
            let mut bytes = Vec::new();
            write_npy(&mut bytes, shape, &samples).unwrap();
            let array = NpyArray::parse(&bytes).unwrap();
            prop_assert_eq!(array.header().data_offset % 64, 0);
            prop_assert_eq!(array.shape(), shape);
            prop_assert_eq!(array.samples().unwrap(), samples);
        }
    }
}

/// An npy file with this header text.
fn hand_made(text: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn fortran_order_and_big_endian() {
    let data: Vec<u8> = [1i16, 4, 2, 5, 3, 6]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    let bytes = hand_made(
        "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3)}\n",
        &data,
    );
    let array = NpyArray::parse(&bytes).unwrap();
    assert_eq!(
        array.samples().unwrap(),
        Samples::I16(vec![1, 2, 3, 4, 5, 6])
    );
}

#[test]
fn tables() {
    let field = |name: &str, kind, shape: &[usize]| NpyField {
        name: name.into(),
        kind,
        shape: shape.into(),
        offset: 0,
    };
    let little = |kind| FieldKind::Number(kind, ByteOrder::Little);
    let fields = [
        field("uid", little(SampleKind::U64), &[]),
        field("blob/path", FieldKind::Bytes(5), &[]),
        field("pose", little(SampleKind::F32), &[3]),
        field("keep", FieldKind::Boolean, &[]),
        field("label", FieldKind::Unicode(2, ByteOrder::Little), &[]),
    ];
    let mut rows = Vec::new();
    for i in 0..2u64 {
        rows.extend((u64::MAX - i).to_le_bytes());
        rows.extend(if i == 0 { *b"a.mrc" } else { *b"b\0\0\0\0" });
        rows.extend([i as f32, 0.5, -1.0].iter().flat_map(|v| v.to_le_bytes()));
        rows.push(i as u8);
        rows.extend(['é' as u32, 0].iter().flat_map(|v| v.to_le_bytes()));
    }
    let mut bytes = Vec::new();
    write_records(&mut bytes, &fields, &rows).unwrap();
    let table = NpyArray::parse(&bytes).unwrap();
    assert_eq!(table.elements(), 2);
    assert_eq!(
        table.column("uid").unwrap(),
        Samples::U64(vec![u64::MAX, u64::MAX - 1])
    );
    assert_eq!(
        table.column("pose").unwrap(),
        Samples::F32(vec![0.0, 0.5, -1.0, 1.0, 0.5, -1.0])
    );
    assert_eq!(table.column("keep").unwrap(), Samples::U8(vec![0, 1]));
    assert_eq!(table.column_text("blob/path").unwrap(), ["a.mrc", "b"]);
    assert_eq!(table.column_text("label").unwrap(), ["é", "é"]);
    assert!(
        table
            .column("absent")
            .unwrap_err()
            .to_string()
            .contains("blob/path")
    );
    assert!(table.column("blob/path").is_err());
    assert!(table.samples().is_err());
    assert_eq!(table.element(1).unwrap()[..8], (u64::MAX - 1).to_le_bytes());
    assert!(table.element(2).is_err());
}

#[test]
fn hostile_headers() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (9999999999,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f8', (9999999999, 9999999999))], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'shape': (1,)}",
        "nonsense",
        "",
        &deep,
    ] {
        assert!(
            NpyArray::parse(&hand_made(text, &[0; 4])).is_err(),
            "{}",
            &text[..text.len().min(60)]
        );
    }
    let empty = hand_made(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}",
        &[],
    );
    assert_eq!(NpyArray::parse(&empty).unwrap().samples().unwrap().len(), 0);
    assert!(matches!(
        NpyArray::parse(b"no"),
        Err(ImageError::NotThisFormat { .. })
    ));
}

#[test]
fn archives() {
    let a = Samples::F32(vec![1.0; 6000]);
    let b = Samples::I64(vec![-1, 2]);
    for compressed in [false, true] {
        let arrays: [(&str, &[usize], &Samples); 2] =
            [("volume", &[10, 20, 30], &a), ("ids", &[2], &b)];
        let bytes = write_npz(Cursor::new(Vec::new()), &arrays, compressed)
            .unwrap()
            .into_inner();
        assert_eq!(bytes.len() < 6000, compressed);
        let mut npz = NpzFile::parse(&bytes).unwrap();
        assert_eq!(npz.names(), ["ids", "volume"]);
        let volume = npz.array("volume").unwrap();
        assert_eq!(volume.shape(), [10, 20, 30]);
        assert_eq!(volume.samples().unwrap(), a);
        assert_eq!(npz.array("ids").unwrap().samples().unwrap(), b);
        assert!(matches!(
            npz.array("absent"),
            Err(ImageError::OutOfRange { .. })
        ));
        assert_eq!(
            write_npz(Cursor::new(Vec::new()), &arrays, compressed)
                .unwrap()
                .into_inner(),
            bytes
        );
    }
}

#[test]
fn cryosparc_files_agree_with_the_manifest() {
    let all = facts("cryoSPARC .cs");
    for fact in &all {
        let table = NpyArray::open(&fact.path).unwrap_or_else(|e| panic!("{}: {e}", fact.file));
        let words: Vec<&str> = fact.facts.split([' ', ',']).collect();
        let before = |word: &str| {
            words[words.iter().position(|w| *w == word).unwrap() - 1]
                .parse()
                .unwrap()
        };
        assert_eq!(table.elements(), before("rows"), "{}", fact.file);
        assert_eq!(table.fields().len(), before("fields"), "{}", fact.file);
        for field in table.fields() {
            let values = match field.kind {
                FieldKind::Bytes(_) | FieldKind::Unicode(..) => {
                    table.column_text(&field.name).unwrap().len()
                }
                _ => table.column(&field.name).unwrap().len(),
            };
            assert_eq!(
                values,
                table.elements() * field.values(),
                "{} {}",
                fact.file,
                field.name
            );
        }
    }
    assert!(all.is_empty() || all.len() == 3);
    let Some(path) = shared("10_particles/empiar10076_7/empiar_10076_7.cs") else {
        return;
    };
    let table = NpyArray::open(path).unwrap();
    println!(
        "{:?}",
        table.fields().iter().map(|f| &f.name).collect::<Vec<_>>()
    );
    assert_eq!(
        table.column("blob/idx").unwrap().to_f64(),
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    );
}
