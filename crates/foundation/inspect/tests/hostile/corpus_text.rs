//! Corpus files of text: a good one per parser, the same cut, with other line ends, in UTF-16 and with NUL
//! bytes, and what each grammar trips over.
use crate::corpus::Case;
use crate::text_seeds::TEXTS;

/// Good text of the readers that no kind reaches.
const DIRECT: [(&str, &str); 12] = [
    ("tomogram_index", "  1   data/my tomo.mrc\n7\tb.rec\n"),
    ("coordinates", "1 2 3 9\n4.5 5 6 9\n"),
    ("order_list", "ImageNumber, TiltAngle\n1,-30.01\n2, 0.125\n"),
    ("order_doses", "-3 0\n0.5 3.125\n"),
    ("text_table", "name,x,y\n\"a,b\",1,2\nc,3,4\n"),
    (
        "settings",
        "#Mon Mar 15\nSetup.AxisType=Dual Axis\nSetup.A=C\\:\\\\a\n[Field = b]\nusage = 1\n",
    ),
    ("number_list", "1-3, 8,5 - 4,-2-1"),
    (
        "command_values",
        "$tilt -StandardInput\nIMAGEBINNED 1\nEXCLUDELIST 1,3\nOFFSET 7\n",
    ),
    (
        "star_columns",
        "data_particles\n\nloop_\n_rlnCoordinateX #1\n_rlnTomoVisibleFrames #2\n1.5 [1,0]\n2 [0,1,1]\n",
    ),
    (
        "mdoc_values",
        "PixelSpacing = 1.35\nImageSize = 8 8\nVoltage = 300\n\n[ZValue = 0]\nTiltAngle = -60.01\n\
         ExposureDose = 3\nDateTime = 21-Nov-26  10:00:00\nFrameDosesAndNumber = 0.3 10\n",
    ),
    (
        "warp_grids",
        "<TiltSeries><Angles>-57.0&#10;-54.0</Angles>\n<GridCTF Width=\"1\" Height=\"1\" Depth=\"2\">\n\
         <Node X=\"0\" Y=\"0\" Z=\"0\" Value=\"1.5\"/><Node X=\"0\" Y=\"0\" Z=\"1\" Value=\"2\"/></GridCTF></TiltSeries>\n",
    ),
    (
        "picks",
        "{\"pickable_object_name\": \"a\", \"user_id\": \"b\", \"session_id\": \"0\", \"unit\": \"angstrom\",\n\
         \"points\": [{\"location\": {\"x\": 1, \"y\": 2, \"z\": 3}}]}\n",
    ),
];

/// What each grammar trips over.
const HOSTILE: [(&str, &str, &str); 63] = [
    ("star", "loop_without_labels", "data_a\n\nloop_\n1 2\n3 4\n"),
    (
        "star",
        "quote_without_end",
        "data_a\n\nloop_\n_x #1\n_y #2\n'a 1\nb 2\n",
    ),
    (
        "star",
        "text_field_without_end",
        "data_a\n_x\n;\nnever ends\n",
    ),
    (
        "star_columns",
        "row_too_short",
        "data_a\nloop_\n_x\n_y\n1 2\n3\n",
    ),
    (
        "star_columns",
        "labels_twice",
        "data_a\nloop_\n_x\n_x\n1 2\n\ndata_a\n_x 1\n_x 2\n",
    ),
    (
        "star_columns",
        "numbers_that_are_none",
        "data_a\nloop_\n_x\n_y\n1e999 [1,\nnan [[]]\n-9223372036854775809 ]\n",
    ),
    (
        "atomic_model",
        "operators_multiply",
        "data_x\nloop_\n_atom_site.type_symbol\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\nC 1 2 3\n#\n_pdbx_struct_assembly_gen.assembly_id 1\n_pdbx_struct_assembly_gen.oper_expression '(1-999999999)(1-999999999)(1-999999999)'\n_pdbx_struct_assembly_gen.asym_id_list A\n",
    ),
    (
        "atomic_model",
        "columns_cut",
        "ATOM      1  N   ARG S  10      -3.093 21\nATOM\nHETATM\n",
    ),
    (
        "atomic_model",
        "coordinates_overflow",
        "ATOM      1  N   ARG S  10      9999999999999999999999999999  0.50 12.25           N\n",
    ),
    (
        "mdoc",
        "no_sections",
        "PixelSpacing = 1.35\nImageFile = a.mrc\n",
    ),
    (
        "mdoc",
        "section_without_bracket",
        "[ZValue = 0\nTiltAngle = 1\n[ZValue = ]\n[= 3]\n",
    ),
    (
        "mdoc_values",
        "values_that_are_none",
        "Voltage = fast\n[ZValue = 99999999999999999999]\nTiltAngle = nan\nDateTime = 99-Foo-99  99:99:99\nFrameDosesAndNumber = 0.3 1e300 -1\nNumSubFrames = -5\n",
    ),
    (
        "aretomo_alignment",
        "patch_count_lies",
        "# AreTomo Alignment / Priims bprmMn\n# RawSize = 512 512 3\n# NumPatches = 4294967295\n1 85.1 1.0 2.5 -3.5 1 1 1 0 -3.0\n",
    ),
    (
        "aretomo_alignment",
        "sections_lie",
        "# AreTomo Alignment / Priims bprmMn\n# RawSize = -1 1e30 99999999999999999999\n# DarkFrame = -1 99999999999 nan\n-5 85.1 1.0 2.5 -3.5 1 1 1 0 -3.0\n-5 85 1 2 3 1 1 1 0 0\n",
    ),
    ("number_table", "ragged", "1 2 3\n4 5\n6 7 8 9\n"),
    (
        "number_table",
        "numbers_that_are_none",
        "nan\ninf\n1e999\n-1e-999\n0x10\n1.5.5\n",
    ),
    (
        "transforms",
        "row_of_five",
        "1.0 0.0 0.0 1.0 2.5 -3.5\n0.99 0.01 -0.01 0.99 -1.0\n",
    ),
    ("transforms", "not_finite", "nan inf -inf 1e999 0 0\n"),
    (
        "defocus",
        "flags_lie",
        "255 99999999999999999999 0.0 0.0 0.0 3\n1 1 -57.0 -57.0 1651.6 1206.7 31.76\n",
    ),
    (
        "defocus",
        "views_backwards",
        "1 0 0.0 0.0 0.0 3\n9223372036854775807 -9223372036854775808 -57 -57 1651.6 1206.7 31.76\n",
    ),
    (
        "residuals",
        "count_lies",
        "  4294967296 residuals\n  281.19 236.96 0 -0.20 0.17\n",
    ),
    (
        "residuals",
        "count_negative",
        "  -1 residuals\n  281.19 236.96 0 -0.20 0.17\n",
    ),
    (
        "fiducials",
        "numbers_overflow",
        "   99999999999999999999 244.5 242.6 46.2 1 1 Pix: 0 Dim: -1 99999999999999999999\n",
    ),
    (
        "fiducials",
        "dimensions_missing",
        "   1 244.5 242.6 46.2 1 1 Pix: Dim:\n",
    ),
    (
        "local_alignment",
        "grid_overflows",
        "4294967296 4294967296 235 171 149 133 0 20.2 1\n0.07 0.05\n1 0 0 1 0 0\n",
    ),
    (
        "local_alignment",
        "grid_lies",
        "1000000 1000000 235 171 149 133\n0.07 0.05\n1 0 0 1 0 0\n",
    ),
    (
        "local_alignment",
        "grid_negative",
        "-1 1 235 171 149 133\n0.07\n1 0 0 1 0 0\n",
    ),
    (
        "dynamo_table",
        "too_few_columns",
        "1 1 1 0.9 -2.8\n2 1 1 0.9 -2.8\n",
    ),
    (
        "dynamo_table",
        "complex_without_end",
        "1 1 1 0.9+ 2 4 172 96 52 0.5 0 0 1 -60 60 -60 60 0 0 1e30 0 0 1 nan i +i\n",
    ),
    (
        "command_file",
        "list_overflows",
        "$tilt -StandardInput\nEXCLUDELIST 1-99999999999999999999,-,,3--\n",
    ),
    ("command_file", "no_program", "$\n$ \nKEY\n$$$$\n$setenv\n"),
    (
        "command_values",
        "list_too_long",
        "$tilt -StandardInput\nEXCLUDELIST 1-999999999\n",
    ),
    (
        "command_values",
        "numbers_that_are_none",
        "$newstack -StandardInput\nSizeToOutputInXandY 1e999,,nan\nBinByFactor\n",
    ),
    (
        "key_value_file",
        "keys_missing",
        "= 1\n==\n=\nfnVolume = {'a', {\n",
    ),
    ("csv", "quote_without_end", "name,x\n\"never ends,1\nb,2\n"),
    ("csv", "row_too_long", "a,b\n1,2,3,4,5\n"),
    (
        "json",
        "number_overflows",
        "{\"a\": 1e999, \"b\": -99999999999999999999999999999999999999}",
    ),
    ("json", "half_a_surrogate", "{\"a\": \"\\ud800\"}"),
    (
        "json_lines",
        "line_open",
        "{\"type\": \"point\"}\n{\"type\": \n",
    ),
    ("json_lines", "arrays_and_words", "[1]\nnull\n\"x\"\n{}\n"),
    ("warp_grids", "tags_cross", "<a><b></a></b>"),
    (
        "xml",
        "entities_that_are_none",
        "<a b=\"&#x110000;&#xd800;&#0;&nobody;\">&#99999999999;</a>",
    ),
    (
        "xml",
        "document_type",
        "<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;&b;\">]>\n<a>&d;</a>\n",
    ),
    (
        "warp_grids",
        "grid_overflows",
        "<TiltSeries><GridCTF Width=\"4294967296\" Height=\"4294967296\" Depth=\"4294967296\"><Node X=\"0\" Y=\"0\" Z=\"0\" Value=\"1\"/></GridCTF></TiltSeries>",
    ),
    (
        "warp_grids",
        "nodes_outside",
        "<TiltSeries><GridCTF Width=\"1\" Height=\"1\" Depth=\"1\"><Node X=\"-1\" Y=\"99999999999999999999\" Z=\"7\" Value=\"nan\"/></GridCTF></TiltSeries>",
    ),
    (
        "ctf_results",
        "numbers_that_are_none",
        "# Output from CTFFind version 4.1\n1 nan -inf 1e999 0 0 0\n99999999999999999999 1 1 1 1 1 1\n",
    ),
    (
        "ctf_results",
        "averages_cut",
        "# Output from CTFFind\n# 6 lines per micrograph: #1\n0 0.1 0.2\n1 1\n",
    ),
    ("tomogram_index", "number_without_path", "1 a.mrc\n2\n"),
    (
        "tomogram_index",
        "number_overflows",
        "99999999999999999999 a.mrc\n-9223372036854775808 b.mrc\n",
    ),
    ("coordinates", "two_columns", "1 2\n3 4\n"),
    (
        "coordinates",
        "numbers_that_are_none",
        "nan inf 1e999\n1 2 3\n",
    ),
    ("order_list", "order_not_whole", "1.5,0\n"),
    ("order_list", "order_overflows", "1e300,0\n-1e15,3\n"),
    ("order_doses", "three_columns", "-3 0 1\n"),
    ("order_doses", "numbers_that_are_none", "nan 1e999\n"),
    ("text_table", "quotes_without_end", "a;b\n\"1;2\n\"\"\";3\n"),
    ("text_table", "no_names", ",,,\n1,2,3,4\n"),
    (
        "settings",
        "escapes_without_end",
        "a=\\\nb=\\u00\nc=\\uzzzz\\\n",
    ),
    ("settings", "sections_without_end", "[a = \n[= b]\n[]\nx\n"),
    ("number_list", "range_too_long", "1-9223372036854775807"),
    ("number_list", "largest_number", "9223372036854775807"),
    ("number_list", "signs_only", "-,--,---1,1-"),
    (
        "picks",
        "points_that_are_none",
        "{\"pickable_object_name\": 1, \"points\": [{\"location\": [1, 2, 3]}, null]}",
    ),
];

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |parser, name, bytes: Vec<u8>| {
        cases.push(Case {
            parser,
            name,
            bytes,
        });
    };
    let mut seen = Vec::new();
    for (parser, text) in good() {
        if seen.contains(&parser) {
            continue;
        }
        seen.push(parser);
        add(parser, "minimal", text.into());
        add(
            parser,
            "cut",
            text.as_bytes()[..text.len() * 6 / 10].to_vec(),
        );
        add(parser, "carriage_returns", text.replace('\n', "\r").into());
        add(parser, "utf_16", utf_16(text));
        if parser != "xml" {
            add(parser, "nul_bytes", text.replace(' ', "\0").into());
        }
    }
    for (parser, name, text) in HOSTILE {
        add(parser, name, text.into());
    }
    add("json", "nested_4000_deep", "[".repeat(4000).into());
    add("xml", "nested_1000_deep", "<a>".repeat(1000).into());
    let attributes = (0..600).fold(String::new(), |all, index| {
        all + &format!(" a{index}=\"1\"")
    });
    add("xml", "attributes_600", format!("<a{attributes}/>").into());
    add("text", "not_utf8", (128..=255).collect());
    add("text", "one_long_line", vec![b'x'; 4000]);
    cases
}

/// Folder and good text; the first of a folder counts.
fn good() -> impl Iterator<Item = (&'static str, &'static str)> {
    let kinds = TEXTS.iter().map(|(kind, text)| (folder(*kind), *text));
    kinds.chain(DIRECT)
}

/// Folder of a text kind.
fn folder(kind: thon_inspect::Kind) -> &'static str {
    use thon_inspect::Kind;
    match kind {
        Kind::Star => "star",
        Kind::AtomicModel => "atomic_model",
        Kind::Mdoc => "mdoc",
        Kind::AretomoAlignment => "aretomo_alignment",
        Kind::NumberTable => "number_table",
        Kind::Transforms => "transforms",
        Kind::Defocus => "defocus",
        Kind::Residuals => "residuals",
        Kind::Fiducials => "fiducials",
        Kind::LocalAlignment => "local_alignment",
        Kind::DynamoTable => "dynamo_table",
        Kind::CommandFile => "command_file",
        Kind::KeyValueFile => "key_value_file",
        Kind::Csv => "csv",
        Kind::Json => "json",
        Kind::JsonLines => "json_lines",
        Kind::Xml => "xml",
        Kind::CtfResults => "ctf_results",
        _ => "text",
    }
}

/// Little-endian with its mark.
fn utf_16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}
