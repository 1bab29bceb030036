//! DM3 and DM4: hand-made DM4 files, and the real DM3 files against the manifest.

use thon_images::SampleKind;
use thon_images::dm::{DmFile, Tag};

use crate::shared_data::{facts, shared};

/// Builds DM files tag by tag.
struct Maker {
    wide: bool,
}

impl Maker {
    fn size(&self, n: u64) -> Vec<u8> {
        if self.wide {
            n.to_be_bytes().to_vec()
        } else {
            (n as u32).to_be_bytes().to_vec()
        }
    }

    fn tag(&self, kind: u8, label: &str, body: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.extend((label.len() as u16).to_be_bytes());
        out.extend(label.bytes());
        if self.wide {
            out.extend(self.size(body.len() as u64));
        }
        out.extend(body);
        out
    }

    fn group_body(&self, tags: &[Vec<u8>]) -> Vec<u8> {
        let mut out = vec![1, 0];
        out.extend(self.size(tags.len() as u64));
        out.extend(tags.concat());
        out
    }

    fn group(&self, label: &str, tags: &[Vec<u8>]) -> Vec<u8> {
        self.tag(20, label, &self.group_body(tags))
    }

    fn value(&self, label: &str, description: &[u64], data: &[u8]) -> Vec<u8> {
        let mut body = b"%%%%".to_vec();
        body.extend(self.size(description.len() as u64));
        body.extend(description.iter().flat_map(|&n| self.size(n)));
        body.extend(data);
        self.tag(21, label, &body)
    }

    fn number(&self, label: &str, n: u32) -> Vec<u8> {
        self.value(label, &[5], &n.to_le_bytes())
    }

    fn image(
        &self,
        kind: u32,
        dims: &[u32],
        samples: &[u8],
        sample_kind: u64,
        count: u64,
    ) -> Vec<u8> {
        let units: Vec<u8> = "nm".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let axis = self.group(
            "",
            &[
                self.value("Origin", &[6], &0.0f32.to_le_bytes()),
                self.value("Scale", &[6], &0.25f32.to_le_bytes()),
                self.value("Units", &[20, 4, 2], &units),
            ],
        );
        let dims: Vec<Vec<u8>> = dims.iter().map(|&n| self.number("", n)).collect();
        let data = self.group(
            "ImageData",
            &[
                self.group(
                    "Calibrations",
                    &[self.group("Dimension", &[axis.clone(), axis])],
                ),
                self.value("Data", &[20, sample_kind, count], samples),
                self.number("DataType", kind),
                self.group("Dimensions", &dims),
            ],
        );
        self.group("", &[data])
    }

    fn file(&self, tags: &[Vec<u8>]) -> Vec<u8> {
        let body = self.group_body(tags);
        let mut out = if self.wide {
            vec![0, 0, 0, 4]
        } else {
            vec![0, 0, 0, 3]
        };
        out.extend(self.size(body.len() as u64));
        out.extend([0, 0, 0, 1]);
        out.extend(body);
        out.extend([0; 8]);
        out
    }
}

/// A thumbnail, then an image of 3 × 2 × 2 in 32-bit floats, and a structure besides.
pub fn hand_made(wide: bool) -> Vec<u8> {
    let make = Maker { wide };
    let samples: Vec<u8> = (0..12)
        .flat_map(|i| (i as f32 * 0.5).to_le_bytes())
        .collect();
    let point = make.value(
        "Point",
        &[15, 0, 2, 0, 6, 0, 3],
        &[0, 0, 128, 63, 7, 0, 0, 0],
    );
    make.file(&[
        make.number("Answer", 42),
        point,
        make.group(
            "ImageList",
            &[
                make.image(23, &[2, 2], &[0; 16], 5, 4),
                make.image(2, &[3, 2, 2], &samples, 6, 12),
            ],
        ),
    ])
}

#[test]
fn hand_made_files_of_both_versions() {
    for wide in [false, true] {
        let bytes = hand_made(wide);
        let dm = DmFile::parse(&bytes).unwrap();
        assert_eq!(dm.version(), if wide { 4 } else { 3 });
        assert_eq!(dm.tags().find("Answer"), Some(&Tag::Unsigned(42)));
        assert_eq!(
            dm.tags().find("Point"),
            Some(&Tag::Structure(vec![Tag::Float(1.0), Tag::Integer(7)]))
        );
        assert_eq!(dm.images().len(), 1);
        let image = dm.image().unwrap();
        assert_eq!(image.sample_kind, SampleKind::F32);
        assert_eq!(image.shape(), [2, 2, 3]);
        assert_eq!(image.pixel_size(), Some(2.5));
        let all = dm.read_all(&image).unwrap();
        assert_eq!(all, (0..12).map(|i| i as f32 * 0.5).collect::<Vec<_>>());
        assert_eq!(dm.read_section(&image, 1).unwrap(), all[6..]);
        assert!(dm.read_section(&image, 2).is_err());
        for cut in [0, 3, 20, bytes.len() / 2] {
            assert!(DmFile::parse(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn real_files_agree_with_the_manifest() {
    let all = facts("DM3");
    for fact in &all {
        let dm = DmFile::open(&fact.path).unwrap_or_else(|e| panic!("{}: {e}", fact.file));
        let image = dm.image().unwrap();
        let text = fact
            .facts
            .split_once('(')
            .unwrap()
            .1
            .split_once(')')
            .unwrap()
            .0;
        let stated: Vec<usize> = text.split(", ").map(|n| n.parse().unwrap()).collect();
        let mut dims = image.dims.clone();
        // The manifest lists (columns, rows, sections) of the stack and (rows, columns) of images, all square.
        if stated.len() == 2 {
            dims.truncate(2);
        }
        assert_eq!(dims, stated, "{}", fact.file);
        let kind = if fact.facts.contains("uint16") {
            SampleKind::U16
        } else {
            SampleKind::F32
        };
        assert_eq!(image.sample_kind, kind);
        let scale = fact.number("x").unwrap();
        assert!(
            (image.pixel_size().unwrap() - scale * 1e4).abs() < 0.1,
            "{}: {image:?}",
            fact.file
        );
        let data = dm.read_all(&image).unwrap();
        assert_eq!(data.len(), image.dims.iter().product::<usize>());
        assert!(data.iter().all(|v| v.is_finite()));
        println!("{} {:?} {:?}", fact.file, image.dims, image.calibrations);
    }
    assert!(all.is_empty() || all.len() == 4);
    // The series covers −90° … 90° or less in steps of 2°; its images are of one specimen, so neighbours resemble.
    let Some(path) = shared("11_images/HAADF_tilt_series.dm3") else {
        return;
    };
    let dm = DmFile::open(path).unwrap();
    let image = dm.image().unwrap();
    let section = |z| dm.read_section(&image, z).unwrap();
    let (a, b) = (section(40), section(41));
    let mean = |v: &[f32]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&x, &y) in a.iter().zip(&b) {
        let (x, y) = (f64::from(x) - ma, f64::from(y) - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    let correlation = ab / (aa * bb).sqrt();
    println!("correlation of neighbouring tilts {correlation:.3}");
    assert!(correlation > 0.5);
}
