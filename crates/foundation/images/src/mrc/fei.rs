//! Thermo Fisher extended headers: FEI1 and FEI2 records, and the older layout of 32 floats per section.
//!
//! FEI1/FEI2 records are packed little-endian structures whose first number is their own length; four bit masks
//! say which fields are set. Offsets are sums of the field sizes in the published field list.

use super::SectionMetadata;
use crate::ByteOrder;

/// Smallest record that holds all fields used here.
const USED_BYTES: usize = 451;
const METRES_TO_ANGSTROM: f64 = 1e10;
const METRES_TO_MICROMETRES: f64 = 1e6;

/// One record per section; stops at the first record whose length makes no sense.
pub(super) fn records(order: ByteOrder, bytes: &[u8], sections: usize) -> Vec<SectionMetadata> {
    let mut rest = bytes;
    let mut result = Vec::new();
    while result.len() < sections {
        let Some(length) = order.i32_at(rest, 0).and_then(|n| usize::try_from(n).ok()) else {
            break;
        };
        if length < USED_BYTES || length > rest.len() {
            break;
        }
        let (record, after) = rest.split_at(length);
        result.push(one_record(order, record));
        rest = after;
    }
    result
}

fn one_record(order: ByteOrder, record: &[u8]) -> SectionMetadata {
    let mask = |at: usize| ByteOrder::Little.u32_at(record, at).unwrap_or(0);
    let (first, second) = (mask(8), mask(297));
    let number = |mask: u32, bit: u32, at: usize| {
        let set = mask & (1 << bit) != 0;
        let value = order.f64_at(record, at).filter(|v| v.is_finite());
        value.filter(|_| set)
    };
    let x = number(first, 9, 116);
    let y = number(first, 10, 124);
    // Doses are stored per square metre.
    let dose = number(first, 6, 92).map(|v| v / (METRES_TO_ANGSTROM * METRES_TO_ANGSTROM));
    let camera = record.get(435..451).filter(|_| second & (1 << 19) != 0);
    SectionMetadata {
        tilt_angle: number(first, 7, 100),
        beta_tilt: number(first, 8, 108),
        tilt_axis_angle: number(first, 12, 140),
        stage_position: x
            .zip(y)
            .map(|(x, y)| [x, y].map(|v| v * METRES_TO_MICROMETRES)),
        stage_height: number(first, 11, 132).map(|v| v * METRES_TO_MICROMETRES),
        dose,
        exposure_time: number(second, 16, 419),
        pixel_size: number(first, 14, 156).map(|v| v * METRES_TO_ANGSTROM),
        // The microscope counts underfocus as negative.
        defocus: number(first, 22, 220).map(|v| -v * METRES_TO_ANGSTROM),
        magnification: number(first, 31, 289),
        voltage: number(first, 5, 84).map(|v| v / 1000.0),
        slit_width: number(second, 8, 355),
        intensity: number(second, 3, 321),
        piece: None,
        camera: camera.map(text),
    }
}

fn text(raw: &[u8]) -> String {
    let end = raw.iter().position(|&b| b == 0).unwrap_or(raw.len());
    String::from_utf8_lossy(&raw[..end]).trim().to_owned()
}

/// Layout of Xplore3D and early FEI Tomography: 32 floats per section.
pub(super) fn legacy_records(
    order: ByteOrder,
    bytes: &[u8],
    sections: usize,
) -> Vec<SectionMetadata> {
    let one = |record: &[u8]| {
        let float = |i: usize| {
            order
                .f32_at(record, 4 * i)
                .map(f64::from)
                .filter(|v| v.is_finite())
        };
        let nonzero = |i: usize| float(i).filter(|&v| v != 0.0);
        SectionMetadata {
            tilt_angle: float(0),
            beta_tilt: float(1),
            stage_position: float(2)
                .zip(float(3))
                .map(|(x, y)| [x, y].map(|v| v * METRES_TO_MICROMETRES)),
            stage_height: float(4).map(|v| v * METRES_TO_MICROMETRES),
            defocus: nonzero(7).map(|v| -v * METRES_TO_ANGSTROM),
            exposure_time: nonzero(8),
            intensity: nonzero(9),
            tilt_axis_angle: float(10),
            pixel_size: nonzero(11).map(|v| v * METRES_TO_ANGSTROM),
            magnification: nonzero(12),
            ..SectionMetadata::default()
        }
    };
    bytes.chunks_exact(128).take(sections).map(one).collect()
}
