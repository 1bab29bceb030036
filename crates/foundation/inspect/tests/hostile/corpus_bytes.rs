//! Corpus files of pixels, tables and archives: a good one of each, and the ways in which they lie.
use std::io::Cursor;

use thon_images::Samples;
use thon_images::npy;

use crate::corpus::Case;
use crate::seeds;

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let groups = [
        ("mrc", mrc()),
        ("em", em()),
        ("spider", spider()),
        ("digital_micrograph", digital_micrograph()),
        ("tiff", tiff()),
        ("eer", eer()),
        ("imod_model", imod_model()),
        ("imod_chunks", imod_chunks()),
        ("npy", npy_files()),
        ("npy_columns", npy_columns()),
        ("cryosparc_table", cryosparc_table()),
        ("zip_archive", zip_archive()),
        ("npz_arrays", npz_arrays()),
        ("tar_archive", tar_archive()),
        ("compressed", compressed()),
    ];
    let case = |parser, (name, bytes)| Case {
        parser,
        name,
        bytes,
    };
    groups
        .into_iter()
        .flat_map(|(parser, files)| files.into_iter().map(move |file| case(parser, file)))
        .collect()
}

type Files = Vec<(&'static str, Vec<u8>)>;

/// The bytes with fields at these places.
fn with<const N: usize>(bytes: &[u8], fields: &[(usize, [u8; N])]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, field) in fields {
        bytes[*at..*at + N].copy_from_slice(field);
    }
    bytes
}

fn cut(bytes: &[u8], length: usize) -> Vec<u8> {
    bytes[..length].to_vec()
}

/// Place behind the first occurrence.
fn behind(bytes: &[u8], mark: &[u8]) -> usize {
    let at = bytes.windows(mark.len()).position(|window| window == mark);
    at.expect("the good file has the mark") + mark.len()
}

fn mrc() -> Files {
    let good = seeds::mrc(2);
    let int = |fields: &[(usize, i32)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(at, value)| (*at, value.to_le_bytes()))
            .collect();
        with(&good, &fields)
    };
    // SERI records of 100 bytes with flags that announce another length, in an extended header that ends early.
    let records = int(&[
        (92, 24),
        (104, i32::from_le_bytes(*b"SERI")),
        (128, 0x7fff_0064),
    ]);
    vec![
        ("minimal", good.clone()),
        ("dimensions_lie", int(&[(0, 1000), (4, 1000), (8, 1000)])),
        (
            "dimensions_overflow",
            int(&[(0, i32::MAX), (4, i32::MAX), (8, i32::MAX)]),
        ),
        ("dimensions_negative", int(&[(0, -6), (4, -4)])),
        ("extended_header_lies", int(&[(92, i32::MAX)])),
        ("extended_header_negative", int(&[(92, -1024)])),
        ("serial_em_records_lie", records),
        ("cut_in_the_pixels", cut(&good, good.len() - 100)),
    ]
}

fn em() -> Files {
    let good = seeds::em();
    let dims = |dims: [i32; 3]| {
        let fields = [(4, dims[0]), (8, dims[1]), (12, dims[2])];
        with(&good, &fields.map(|(at, value)| (at, value.to_le_bytes())))
    };
    vec![
        ("minimal", good.clone()),
        ("dimensions_lie", dims([1000, 1000, 1000])),
        ("dimensions_overflow", dims([i32::MAX; 3])),
        ("dimensions_negative", dims([-1, 3, 20])),
        ("unknown_type", with(&good, &[(3, [200])])),
        ("cut_in_the_header", cut(&good, 300)),
        ("cut_in_the_pixels", cut(&good, good.len() - 5)),
    ]
}

fn spider() -> Files {
    let good = seeds::spider();
    let words = |fields: &[(usize, f32)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(word, value)| (4 * word - 4, value.to_le_bytes()))
            .collect();
        with(&good, &fields)
    };
    vec![
        ("minimal", good.clone()),
        (
            "dimensions_not_numbers",
            words(&[(2, f32::NAN), (12, f32::NAN)]),
        ),
        (
            "dimensions_overflow",
            words(&[(1, 1e9), (2, 1e9), (12, 1e9)]),
        ),
        ("dimensions_negative", words(&[(2, -4.0)])),
        ("header_length_lies", words(&[(13, 1e9), (22, 1e9)])),
        ("cut_in_the_pixels", cut(&good, good.len() - 7)),
    ]
}

fn digital_micrograph() -> Files {
    let good = seeds::dm3();
    // The root group: sorted, open, then the number of its tags.
    let tags = |count: u32| with(&good, &[(14, count.to_be_bytes())]);
    let list = behind(&good, b"\0\0\0\x14\0\0\0\x06");
    let mut nested = cut(&good, 12);
    for _ in 0..500 {
        // One tag in a group, which is a group itself.
        nested.extend([0, 0, 0, 0, 0, 1, 20, 0, 0]);
    }
    vec![
        ("minimal", good.clone()),
        ("tag_count_lies", tags(u32::MAX)),
        (
            "array_length_lies",
            with(&good, &[(list, u32::MAX.to_be_bytes())]),
        ),
        ("name_length_lies", with(&good, &[(19, [0xff, 0xff])])),
        ("groups_nested_500_deep", nested),
        ("cut_in_the_pixels", cut(&good, list + 20)),
        (
            "root_length_lies",
            with(&good, &[(4, u32::MAX.to_be_bytes())]),
        ),
    ]
}

fn tiff() -> Files {
    let page = |size: u32, strip: u32, count: u32, next: u32| {
        let entries = [
            (256, 4, 1, size),
            (257, 4, 1, size),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, count, 8 + 2 + 12 * 8 + 4),
            (278, 4, 1, size),
            (279, 4, count, strip),
        ];
        seeds::directory(&entries, next, &[7; 64])
    };
    let good = seeds::tiff(false);
    let twice = [
        (256, 4, 1, 8),
        (256, 4, 1, 4_000_000_000),
        (257, 4, 1, 8),
        (257, 4, 1, 0),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 12 * 8 + 4),
        (279, 4, 1, 64),
    ];
    vec![
        ("minimal", good.clone()),
        ("big_tiff", seeds::tiff(true)),
        ("tags_twice", seeds::directory(&twice, 0, &[7; 64])),
        ("tag_count_lies", page(8, 64, u32::MAX, 0)),
        ("dimensions_overflow", page(u32::MAX, 64, 1, 0)),
        ("strip_length_lies", page(8, u32::MAX, 1, 0)),
        ("directories_in_a_ring", page(8, 64, 1, 8)),
        ("cut_in_the_directory", cut(&page(8, 64, 1, 0), 60)),
    ]
}

fn eer() -> Files {
    let good = seeds::eer();
    vec![
        ("minimal", good.clone()),
        (
            "runs_past_the_end",
            seeds::eer_frame(16, 16, 24, &[0xfe; 24]),
        ),
        (
            "events_without_end",
            seeds::eer_frame(16, 16, 4000, &[0; 4000]),
        ),
        (
            "camera_overflows",
            seeds::eer_frame(u32::MAX, u32::MAX, 24, &[1; 24]),
        ),
        (
            "camera_larger_than_the_file",
            seeds::eer_frame(60_000, 60_000, 24, &[1; 24]),
        ),
        (
            "strip_behind_the_file",
            seeds::eer_frame(16, 16, u32::MAX, &[1; 24]),
        ),
        ("no_pixels", seeds::eer_frame(0, 16, 24, &[1; 24])),
        ("cut_in_the_directory", cut(&good, 50)),
    ]
}

fn imod_model() -> Files {
    let good = seeds::imod();
    let (object, contour) = (behind(&good, b"OBJT"), behind(&good, b"CONT"));
    let mut chunk = cut(&good, good.len() - 4);
    chunk.extend(b"SIZE\x7f\xff\xff\xff1234IEOF");
    let mut negative = cut(&good, good.len() - 4);
    negative.extend(b"LABL\xff\xff\xff\xf0IEOF");
    vec![
        ("minimal", good.clone()),
        ("chunk_length_lies", chunk),
        ("chunk_length_negative", negative),
        (
            "point_count_lies",
            with(&good, &[(contour, i32::MAX.to_be_bytes())]),
        ),
        (
            "point_count_negative",
            with(&good, &[(contour, (-2_i32).to_be_bytes())]),
        ),
        (
            "contour_count_lies",
            with(&good, &[(object + 128, i32::MAX.to_be_bytes())]),
        ),
        (
            "object_count_lies",
            with(&good, &[(8 + 140, i32::MAX.to_be_bytes())]),
        ),
        ("cut_in_the_points", cut(&good, contour + 20)),
    ]
}

/// Chunks whose contents are shorter or longer than what they describe.
fn imod_chunks() -> Files {
    let good = seeds::imod();
    let chunks = |list: &[(&[u8; 4], usize)]| {
        let mut bytes = cut(&good, good.len() - 4);
        for (tag, length) in list {
            bytes.extend(*tag);
            bytes.extend((*length as u32).to_be_bytes());
            bytes.extend((0..*length).map(|index| index as u8));
        }
        bytes.extend(b"IEOF");
        bytes
    };
    vec![
        (
            "minimal",
            chunks(&[(b"SIZE", 8), (b"MINX", 72), (b"SLAN", 60)]),
        ),
        (
            "chunks_too_short",
            chunks(&[(b"SIZE", 3), (b"MINX", 71), (b"SLAN", 5), (b"COST", 7)]),
        ),
        (
            "chunks_too_long",
            chunks(&[(b"SIZE", 400), (b"MINX", 100), (b"OBST", 121)]),
        ),
        (
            "chunks_twice",
            chunks(&[(b"SIZE", 8), (b"SIZE", 4), (b"MINX", 72), (b"MINX", 0)]),
        ),
        (
            "empty_chunks",
            chunks(&[(b"SIZE", 0), (b"COST", 0), (b"OBST", 0), (b"SLAN", 0)]),
        ),
    ]
}

/// An npy file with this header text and data.
fn npy_of(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn shaped(shape: &str) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    npy_of(&header, &[0; 64])
}

fn npy_files() -> Files {
    let good = seeds::plain_npy();
    let nested = "(".repeat(4000);
    vec![
        ("minimal", good.clone()),
        (
            "shape_overflows",
            shaped("(4294967296, 4294967296, 4294967296)"),
        ),
        ("shape_lies", shaped("(1000000000,)")),
        ("shape_negative", shaped("(-4, 4)")),
        ("parentheses_nested_4000_deep", shaped(&nested)),
        ("header_length_lies", with(&good, &[(8, [0xff, 0xff])])),
        (
            "python_objects",
            npy_of(
                "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
                b"cos\nsystem\n",
            ),
        ),
        ("cut_in_the_data", cut(&good, good.len() - 3)),
    ]
}

fn npy_columns() -> Files {
    let table = |fields: &str, rows: &str, data: usize| {
        let header =
            format!("{{'descr': {fields}, 'fortran_order': False, 'shape': ({rows},), }}\n");
        npy_of(&header, &vec![1; data])
    };
    vec![
        ("minimal", seeds::table_npy()),
        (
            "field_shape_overflows",
            table("[('a', '<f4', (4294967296, 4294967296))]", "4", 64),
        ),
        (
            "rows_of_no_bytes",
            table("[('a', '|S0')]", "1000000000000", 0),
        ),
        (
            "one_name_twice",
            table("[('a', '<f4'), ('a', '<u8')]", "4", 48),
        ),
        ("text_is_not_utf8", {
            let header = "{'descr': [('a', '<U2')], 'fortran_order': False, 'shape': (2,), }\n";
            npy_of(header, &[0xff; 16])
        }),
        (
            "big_endian",
            table("[('a', '>f8'), ('b', '>i2', (3,))]", "3", 42),
        ),
    ]
}

fn cryosparc_table() -> Files {
    let good = seeds::table_npy();
    let twice = {
        let header = "{'descr': [('uid', '<u8'), ('blob/psize_A', '<f4')], 'fortran_order': False, 'shape': (3,), }\n";
        npy_of(header, &[0; 36])
    };
    let text = String::from_utf8_lossy(&good[10..behind(&good, b"}\n")]).into_owned();
    vec![
        ("minimal", good.clone()),
        ("one_uid_three_times", twice),
        (
            "row_count_lies",
            npy_of(&text.replace("(4,)", "(400,)"), &[0; 128]),
        ),
        ("no_rows", npy_of(&text.replace("(4,)", "(0,)"), &[])),
        (
            "quote_without_end",
            npy_of(&text.replace("'pose'", "'pose"), &[0; 128]),
        ),
        ("cut_in_the_rows", cut(&good, good.len() - 30)),
    ]
}

/// An archive of one array of zeros that packs a thousand times smaller.
fn packed_zeros() -> Vec<u8> {
    let zeros = Samples::U8(vec![0; 2 << 20]);
    let mut bytes = Cursor::new(Vec::new());
    npy::write_npz(&mut bytes, &[("zeros", &[2 << 20][..], &zeros)], true)
        .expect("a vector takes it");
    bytes.into_inner()
}

fn zip_archive() -> Files {
    let good = seeds::npz();
    let central = behind(&good, b"PK\x01\x02");
    let end = behind(&good, b"PK\x05\x06");
    vec![
        ("minimal", good.clone()),
        ("packed_zeros", packed_zeros()),
        (
            "entry_size_lies",
            with(&good, &[(central + 20, [0xfe, 0xff, 0xff, 0xff])]),
        ),
        ("entry_count_lies", with(&good, &[(end + 4, [0xff; 4])])),
        (
            "directory_behind_the_file",
            with(&good, &[(end + 12, [0xff, 0xff, 0xff, 0x7f])]),
        ),
        ("cut_before_the_directory", cut(&good, central - 10)),
    ]
}

fn npz_arrays() -> Files {
    let particles = [
        ("position", &[3_usize, 3][..], &Samples::F64(vec![1.5; 9])),
        ("orientation", &[3, 4], &Samples::F64(vec![0.5; 12])),
        ("tilt_series", &[3], &Samples::U32(vec![0, 1, 1])),
        ("score", &[3], &Samples::F32(vec![f32::NAN, 1.0, -1.0])),
    ];
    let plain = |compressed| {
        let mut bytes = Cursor::new(Vec::new());
        npy::write_npz(&mut bytes, &particles, compressed).expect("a vector takes it");
        bytes.into_inner()
    };
    let (stored, packed) = (plain(false), plain(true));
    let shape = behind(&stored, b"'shape': (3, ");
    let central = behind(&packed, b"PK\x01\x02");
    let name = behind(&packed, b"position.npy");
    vec![
        ("minimal", packed.clone()),
        ("stored", stored.clone()),
        ("packed_zeros", packed_zeros()),
        // The checksum no longer fits either: the array has to be refused, not read.
        ("inner_shape_lies", with(&stored, &[(shape, [b'9'])])),
        (
            "expanded_size_lies",
            with(&packed, &[(central + 20, [0, 0, 0, 0x40])]),
        ),
        ("stream_damaged", with(&packed, &[(name + 20, [0xff; 8])])),
        ("unknown_method", with(&packed, &[(central + 6, [99, 0])])),
    ]
}

fn tar_archive() -> Files {
    let good = seeds::tar();
    let size = |digits: &[u8; 12]| with(&good, &[(124, *digits)]);
    vec![
        ("minimal", good.clone()),
        ("size_lies", size(b"77777777777\0")),
        ("size_not_octal", size(b"0000000009x\0")),
        ("size_base_256_negative", size(&[0xff; 12])),
        ("name_without_end", with(&good, &[(0, [b'a'; 100])])),
        ("cut_in_the_entry", cut(&good, 515)),
    ]
}

fn compressed() -> Files {
    let good = seeds::gzip(&seeds::mrc(2));
    let mut promising = seeds::mrc(2);
    promising[..12].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
    promising.resize(1 << 19, 0);
    let mut layers = seeds::mrc(2);
    for _ in 0..8 {
        layers = seeds::gzip(&layers);
    }
    let mut trailing = good.clone();
    trailing.extend([0; 600]);
    vec![
        ("minimal", good.clone()),
        ("cut_in_the_middle", cut(&good, good.len() / 2)),
        ("checksum_wrong", with(&good, &[(good.len() - 8, [0; 4])])),
        ("zeros_behind_a_lying_header", seeds::gzip(&promising)),
        ("eight_layers", layers),
        ("zeros_behind_the_stream", trailing),
        (
            "bzip2_of_nonsense",
            b"BZh91AY&SY\xff\xff\xff\xff\0\0\0\0nonsense".to_vec(),
        ),
        ("header_only", cut(&good, 10)),
    ]
}
