//! Thousands of damaged copies of valid files: every reader answers or refuses, and never panics or allocates more
//! than the file warrants. The seed is fixed: a failure repeats. The environment variable THON_HOSTILE_FACTOR
//! multiplies the number of copies for a long search.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Cursor;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_images::dm::DmFile;
use thon_images::eer::{Coding, EerFile, EerSpec, EerWriter, Electron, SuperResolution};
use thon_images::em::{EmFile, EmSpec};
use thon_images::mrc::{Mrc, MrcHeader, MrcMode, MrcSpec, MrcWriter};
use thon_images::npy::{
    FieldKind, NpyArray, NpyField, NpzFile, write_npy, write_npz, write_records,
};
use thon_images::tiff::{TiffCompression, TiffSample, TiffSpec, TiffStack, TiffWriter};
use thon_images::{ByteOrder, ByteSource, ImageKind, SampleKind, Samples, detect};

use crate::dm_files::hand_made;

/// Counts the largest single allocation of each thread.
struct Watching;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system allocator unchanged; the bookkeeping does not allocate.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

const EXTREMES: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// One damaged copy: bytes changed, fields set to extremes, a piece cut off, doubled or moved.
fn damaged(valid: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..random.random_range(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = random.random(),
            3 => {
                let from = random.random_range(0..bytes.len());
                let piece: Vec<u8> = bytes[from..].iter().take(16).copied().collect();
                let end = (at + piece.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&piece[..end - at]);
            }
            4 => {
                let end = (at + random.random_range(1..40)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                // Headers are where it hurts: put extremes near the start more often.
                let at = if random.random_bool(0.7) {
                    at % 256.min(bytes.len())
                } else {
                    at
                };
                let value = EXTREMES[random.random_range(0..EXTREMES.len())];
                let width = [1, 2, 4, 8][random.random_range(0..4)];
                let raw = if random.random_bool(0.5) {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                };
                let raw = &raw[..width];
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&raw[..end - at]);
            }
        }
    }
    bytes
}

/// Runs a reader over `rounds` damaged copies; no allocation may pass the larger of `floor` and `times` the file.
fn survive(
    name: &str,
    valid: &[u8],
    rounds: usize,
    times: usize,
    floor: usize,
    read: impl Fn(&[u8]) -> bool,
) {
    assert!(read(valid), "{name}: the undamaged file is refused");
    let factor = std::env::var("THON_HOSTILE_FACTOR").ok();
    let rounds = rounds * factor.map_or(1, |f| f.parse().expect("a whole number"));
    let mut random = ChaCha8Rng::seed_from_u64(20261121);
    let mut accepted = 0;
    for round in 0..rounds {
        let bytes = damaged(valid, &mut random);
        LARGEST.set(0);
        accepted += usize::from(read(&bytes));
        let largest = LARGEST.get();
        let limit = (bytes.len() * times).max(floor);
        assert!(
            largest <= limit,
            "{name}, round {round}: {largest} bytes for a file of {}",
            bytes.len()
        );
    }
    println!("{name}: {accepted} of {rounds} damaged files still readable");
    assert!(accepted < rounds, "{name}: damage is never noticed");
}

fn mrc_file(mode: MrcMode) -> Vec<u8> {
    let spec = MrcSpec {
        tilt_angles: Some(vec![-3.0, 0.0, 3.0]),
        labels: vec!["label".into()],
        ..MrcSpec::stack([3, 7, 9], Some(1.5)).with_mode(mode)
    };
    let mut writer = MrcWriter::create(Cursor::new(Vec::new()), &spec).unwrap();
    for z in 0..3 {
        let section: Vec<f32> = (0..63).map(|i| (i % 13 + z) as f32).collect();
        writer.write_section(&section).unwrap();
    }
    writer.finish().unwrap().0.into_inner()
}

fn read_mrc(bytes: &[u8]) -> bool {
    let Ok(mrc) = Mrc::parse(bytes) else {
        return false;
    };
    let _ = mrc.extended_header();
    let _ = (
        mrc.header().voxel_size(),
        mrc.header().kind(),
        mrc.header().origin(),
        mrc.trailing_bytes(),
    );
    let available = mrc.available_sections();
    let mut good = mrc.read_all_xyz().is_ok();
    for z in [0, available / 2, available] {
        good &= mrc.read_section_samples(z).is_ok() == (z < available);
        let _ = mrc.read_section_complex(z);
        let _ = mrc.read_window(z, 1, 1, 2, 2);
    }
    MrcHeader::parse(&mrc.header().to_bytes()).is_ok() && good
}

#[test]
fn mrc() {
    // The record of a section in an extended header may take two bytes; parsed it is a structure.
    for mode in [MrcMode::Float32, MrcMode::Packed4Bit, MrcMode::Int16] {
        survive(
            &format!("{mode:?}"),
            &mrc_file(mode),
            3000,
            128,
            16384,
            read_mrc,
        );
    }
    // Extended headers of every kind behind damaged counts.
    let mut valid = mrc_file(MrcMode::Int8);
    valid[92..96].copy_from_slice(&900i32.to_le_bytes());
    valid[104..108].copy_from_slice(b"FEI1");
    let record = [
        768i32.to_le_bytes().as_slice(),
        &[0; 4],
        &[0xff; 4],
        &[1; 888],
    ]
    .concat();
    valid.splice(1024..1030, record);
    survive("FEI1", &valid, 3000, 128, 16384, read_mrc);
}

#[test]
fn eer() {
    let coding = Coding::SEVEN_BIT;
    let metadata = Some("<metadata><item>1</item></metadata>".into());
    let spec = EerSpec {
        width: 32,
        height: 24,
        coding,
        metadata,
    };
    let mut writer = EerWriter::create(Cursor::new(Vec::new()), spec).unwrap();
    for frame in 0..4 {
        let electrons: Vec<Electron> = (0..20)
            .map(|i| Electron {
                x: i * 6,
                y: (i + frame) * 4,
            })
            .collect();
        writer.write_frame(&electrons).unwrap();
    }
    let valid = writer.finish().unwrap().into_inner();
    // A run of 7 bits stands for up to 127 pixels of 4 bytes, 4 × 4 of them at full super-resolution.
    survive("EER", &valid, 6000, 127 * 8 / 7 * 64, 65536, |bytes| {
        let Ok(eer) = EerFile::parse(bytes) else {
            return false;
        };
        let _ = (eer.metadata(), eer.frame_metadata(1));
        let plan = eer.plan(2);
        let image = eer.render(0..eer.frame_count(), SuperResolution::X4);
        eer.render_fractions(&plan, SuperResolution::X1).is_ok()
            && image.is_ok_and(|i| i.skipped.is_empty())
    });
}

fn read_page(stack: &TiffStack<'_>, index: usize) -> bool {
    let before = LARGEST.get();
    let good = stack.read_page(index).is_ok();
    // The Zstandard decoder reserves the window that its stream names, up to 128 MiB.
    if stack
        .page(index)
        .is_ok_and(|page| page.compression == 50000)
    {
        assert!(LARGEST.get() < 160 << 20);
        LARGEST.set(before);
    }
    good
}

#[test]
fn tiff() {
    for (sample, compression, big) in [
        (TiffSample::U8, TiffCompression::Lzw, false),
        (TiffSample::F32, TiffCompression::Deflate, true),
        (TiffSample::I16, TiffCompression::Stored, false),
    ] {
        let spec = TiffSpec {
            width: 17,
            height: 11,
            sample,
            compression,
            pixel_size: Some(2.0),
            description: Some("words".into()),
            big,
        };
        let mut writer = TiffWriter::create(Cursor::new(Vec::new()), spec).unwrap();
        for page in 0..3 {
            let samples: Vec<f32> = (0..187).map(|i| ((i * 7 + page) % 23) as f32).collect();
            writer.write_page(&samples).unwrap();
        }
        let valid = writer.finish().unwrap().0.into_inner();
        // The best ratio of LZW, and four bytes out for each sample.
        let name = format!("{sample:?} {compression:?}");
        survive(&name, &valid, 3000, 2560 * 8, 1 << 17, |bytes| {
            let Ok(stack) = TiffStack::parse(bytes) else {
                return false;
            };
            (0..stack.pages()).filter(|&i| read_page(&stack, i)).count() > 0
        });
    }
}

#[test]
fn em() {
    let mut valid = Vec::new();
    let samples = Samples::F32((0..60).map(|i| i as f32).collect());
    thon_images::em::write(&mut valid, &EmSpec::new([1, 3, 20]), &samples).unwrap();
    survive("EM", &valid, 4000, 8, 16384, |bytes| {
        EmFile::parse(bytes).is_ok_and(|em| em.read_all().is_ok() & em.read_samples().is_ok())
    });
}

#[test]
fn npy_and_npz() {
    let mut valid = Vec::new();
    let samples = Samples::F64((0..60).map(f64::from).collect());
    write_npy(&mut valid, &[3, 20], &samples).unwrap();
    let read = |bytes: &[u8]| {
        let Ok(array) = NpyArray::parse(bytes) else {
            return false;
        };
        for field in array.fields() {
            let _ = (array.column(&field.name), array.column_text(&field.name));
        }
        let _ = array.element(0);
        true
    };
    survive("npy", &valid, 4000, 8, 16384, read);
    let field = |name: &str, kind| NpyField {
        name: name.into(),
        kind,
        shape: vec![2],
        offset: 0,
    };
    let number = FieldKind::Number(SampleKind::F32, ByteOrder::Little);
    let fields = [field("pose", number), field("path", FieldKind::Bytes(4))];
    let mut table = Vec::new();
    write_records(&mut table, &fields, &[65; 16 * 9]).unwrap();
    // A text takes a string of 24 bytes for each value.
    survive("table", &table, 4000, 32, 16384, read);
    let arrays: [(&str, &[usize], &Samples); 2] =
        [("a", &[60], &samples), ("b", &[3, 20], &samples)];
    for compressed in [false, true] {
        let valid = write_npz(Cursor::new(Vec::new()), &arrays, compressed)
            .unwrap()
            .into_inner();
        survive("npz", &valid, 4000, 1040, 1 << 18, |bytes| {
            let Ok(mut npz) = NpzFile::parse(bytes) else {
                return false;
            };
            let names = npz.names();
            names.len() == 2
                && names
                    .iter()
                    .all(|name| npz.array(name).is_ok_and(|a| a.samples().is_ok()))
        });
    }
}

#[test]
fn dm() {
    for wide in [false, true] {
        // A tag of a few bytes becomes a node of the tree.
        survive("DM", &hand_made(wide), 6000, 32, 65536, |bytes| {
            let Ok(dm) = DmFile::parse(bytes) else {
                return false;
            };
            let images = dm.images();
            !images.is_empty()
                && images
                    .iter()
                    .all(|i| dm.read_all(i).is_ok() & dm.read_section(i, 0).is_ok())
        });
    }
}

#[test]
fn detection() {
    let mrc = mrc_file(MrcMode::Float32);
    survive("detect", &mrc, 4000, 8, 65536, |bytes| {
        detect(bytes, "a.mrc") == Some(ImageKind::Mrc)
    });
    for (bytes, name, kind) in [
        (mrc.clone(), "x", Some(ImageKind::Mrc)),
        (hand_made(false), "x", Some(ImageKind::Dm3)),
        (hand_made(true), "x", Some(ImageKind::Dm4)),
        (b"\x93NUMPY\x01\0".to_vec(), "a.cs", Some(ImageKind::Npy)),
        (b"PK\x03\x04rest".to_vec(), "a.npz", Some(ImageKind::Npz)),
        (b"PK\x03\x04rest".to_vec(), "a.zip", None),
        (
            b"\x1f\x8b\x08\0".to_vec(),
            "A.MRC.gz",
            Some(ImageKind::CompressedMrc),
        ),
        (b"\x1f\x8b\x08\0".to_vec(), "a.tar.gz", None),
        (
            b"II\x2a\0\x08\0\0\0".to_vec(),
            "a.gain",
            Some(ImageKind::Tiff),
        ),
        (
            b"II\x2b\0\x08\0\0\0".to_vec(),
            "a.eer",
            Some(ImageKind::Eer),
        ),
        (
            b"\x89HDF\r\n\x1a\n".to_vec(),
            "a.hdf",
            Some(ImageKind::Hdf5),
        ),
        (b"plain text".to_vec(), "a.mrc", None),
        (Vec::new(), "a.mrc", None),
    ] {
        assert_eq!(detect(&bytes, name), kind, "{name}");
    }
    let source = ByteSource::Borrowed(&mrc);
    assert!(source.read_vec(u64::MAX, 2).is_err());
    assert!(source.read_vec(0, usize::MAX).is_err());
}
