//! The kind of a text file by its first lines and, where those leave it open, by its name.
use thon_formats::text::parse_f64;

use crate::input::Input;
use crate::kind::Kind;

/// Whether bytes are text: no zero bytes (but for UTF-16) and next to no control characters.
pub(crate) fn looks_like_text(head: &[u8]) -> bool {
    if matches!(head.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff])) {
        return true;
    }
    let odd = |byte: &&u8| {
        **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x0b | 0x1b | 0x1a)
    };
    let control = head.iter().filter(odd).count();
    !head.contains(&0) && control * 200 <= head.len()
}

/// The kind of a text from its start.
pub(crate) fn kind_of_text(start: &str, input: &Input<'_>) -> Kind {
    let extension = input.extension();
    let lines: Vec<&str> = start
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(400)
        .collect();
    let Some(first) = lines.first().copied() else {
        return Kind::Text;
    };
    by_structure(start, first, &lines)
        .or_else(|| by_name(&extension, input.file_name(), &lines))
        .or_else(|| by_shape(&lines))
        .unwrap_or(Kind::Text)
}

/// Kinds that show themselves.
fn by_structure(start: &str, first: &str, lines: &[&str]) -> Option<Kind> {
    if first.starts_with("<?xml") || (first.starts_with('<') && first.ends_with('>')) {
        return Some(Kind::Xml);
    }
    if first.starts_with('{') || first.starts_with("[{") || first == "[" {
        let complete = |line: &&str| line.starts_with('{') && line.ends_with('}');
        let many = lines.len() > 1 && lines.iter().take(lines.len().min(3)).all(complete);
        return Some(if many { Kind::JsonLines } else { Kind::Json });
    }
    let section = |line: &str| {
        ["[ZValue", "[FrameSet", "[MontSection"]
            .iter()
            .any(|kind| line.starts_with(kind))
    };
    if lines.iter().any(|line| section(line)) {
        return Some(Kind::Mdoc);
    }
    if lines
        .iter()
        .any(|line| line.starts_with("# AreTomo Alignment"))
    {
        return Some(Kind::AretomoAlignment);
    }
    let ctf = |line: &str| {
        line.starts_with("# Output from CTFFind") || line.starts_with("# Columns: #1 micrograph")
    };
    if ctf(first) {
        return Some(Kind::CtfResults);
    }
    if thon_atoms::recognise(start).is_some() {
        return Some(Kind::AtomicModel);
    }
    let content = lines.iter().find(|line| !line.starts_with('#'))?;
    if content
        .get(..5)
        .is_some_and(|word| word.eq_ignore_ascii_case("data_"))
    {
        return Some(Kind::Star);
    }
    let loop_first =
        content.eq_ignore_ascii_case("loop_") && lines.iter().any(|line| line.starts_with('_'));
    loop_first.then_some(Kind::Star)
}

/// Kinds that only their names tell.
fn by_name(extension: &str, file_name: &str, lines: &[&str]) -> Option<Kind> {
    let numbers = || {
        lines
            .iter()
            .filter(|line| !line.starts_with('#'))
            .take(3)
            .all(|line| row_of(line).is_some())
    };
    let six = || row_of(lines[0]).is_some_and(|row| row.len() == 6);
    Some(match extension {
        "star" | "tomostar" => Kind::Star,
        "mdoc" => Kind::Mdoc,
        "aln" => Kind::AretomoAlignment,
        "pdb" | "cif" | "mmcif" => Kind::AtomicModel,
        "json" => Kind::Json,
        "xml" => Kind::Xml,
        "defocus" => Kind::Defocus,
        "resid" => Kind::Residuals,
        "xyz" if lines[0].contains("Pix:") || file_name.contains("fid") => Kind::Fiducials,
        "xf" if file_name.contains("local") => Kind::LocalAlignment,
        "xf" | "tltxf" | "prexf" | "prexg" | "xg" if six() => Kind::Transforms,
        "tlt" | "rawtlt" | "xtilt" | "zfac" if numbers() => Kind::NumberTable,
        "tbl"
            if numbers()
                || lines
                    .iter()
                    .any(|line| line.split_whitespace().count() >= 26) =>
        {
            Kind::DynamoTable
        }
        "com" | "pcm" => Kind::CommandFile,
        "prm" | "edf" | "adoc" | "ini" | "cfg" | "toml" => Kind::KeyValueFile,
        "csv" | "tsv" => Kind::Csv,
        _ => return None,
    })
}

/// Kinds that the shape of most lines tells.
fn by_shape(lines: &[&str]) -> Option<Kind> {
    let content: Vec<&&str> = lines
        .iter()
        .filter(|line| !line.starts_with(['#', '%', '!']))
        .collect();
    if content.is_empty() {
        return None;
    }
    let share = |yes: &dyn Fn(&str) -> bool| {
        content.iter().filter(|line| yes(line)).count() as f64 / content.len() as f64
    };
    if content.iter().any(|line| line.starts_with('$'))
        && share(&|line: &str| !line.contains('=')) > 0.5
    {
        return Some(Kind::CommandFile);
    }
    // The last line seen may be cut off where the first bytes end.
    let whole = &content[..content.len().max(2) - 1];
    let width = row_of(whole[whole.len() - 1]).map(|row| row.len());
    let titles = whole
        .iter()
        .take_while(|line| row_of(line).is_none())
        .count();
    let even = |line: &&str| width.is_some() && row_of(line).map(|row| row.len()) == width;
    if titles < whole.len() && titles <= 8 && whole[titles..].iter().all(|line| even(line)) {
        return Some(Kind::NumberTable);
    }
    let setting = |line: &str| {
        line.split_once('=')
            .is_some_and(|(key, _)| !key.trim().contains(' ') && !key.is_empty())
    };
    (share(&setting) > 0.8).then_some(Kind::KeyValueFile)
}

/// The numbers of a line, or `None` when a word is no number.
pub(crate) fn row_of(line: &str) -> Option<Vec<f64>> {
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
    let row: Option<Vec<f64>> = words
        .filter(|word| !word.is_empty())
        .map(parse_f64)
        .collect();
    row.filter(|row| !row.is_empty())
}
