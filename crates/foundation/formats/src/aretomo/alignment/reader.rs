//! Parser of `.aln` text.

use super::{AlignedImage, Alignment, DarkFrame, LOCAL, LocalShift, TITLE};
use crate::error::FormatError;
use crate::text::{self, Line};

/// Parses `.aln` text; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Alignment, FormatError> {
    let mut alignment = Alignment::default();
    let mut in_local = false;
    let mut seen_columns = false;
    for line in text::content_lines(text, name) {
        if let Some(comment) = line.text.strip_prefix('#') {
            let comment = comment.trim();
            if comment == LOCAL {
                in_local = true;
            } else if comment.starts_with("SEC ") {
                seen_columns = true;
            } else {
                header_line(&mut alignment, comment, &line)?;
            }
        } else if in_local {
            alignment
                .local
                .push(local_row(&line, alignment.images.len())?);
        } else if seen_columns {
            alignment.images.push(image_row(&line)?);
        } else {
            return Err(line.error(
                "'# AreTomo Alignment' and a '# SEC ROT …' line before the rows",
                line.text,
            ));
        }
    }
    if seen_columns {
        Ok(alignment)
    } else {
        Err(
            FormatError::whole(name, "a column line '# SEC ROT GMAG TX TY …'", "none")
                .with_hint("is this an AreTomo .aln file?"),
        )
    }
}

fn header_line(
    alignment: &mut Alignment,
    comment: &str,
    line: &Line<'_>,
) -> Result<(), FormatError> {
    if comment == TITLE {
        return Ok(());
    }
    let Some((key, value)) = comment.split_once('=') else {
        // Version 1.2: "# <images> <patches>".
        let numbers: Option<Vec<usize>> = comment
            .split_whitespace()
            .map(|word| word.parse().ok())
            .collect();
        if let Some([images, patches]) = numbers.as_deref() {
            alignment.header_images = Some(*images);
            alignment.patches = *patches;
            return Ok(());
        }
        alignment.other.push(comment.to_owned());
        return Ok(());
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    match (key.trim(), &words[..]) {
        ("RawSize", [nx, ny, n]) => {
            let size = |word| line.usize(word, "RawSize");
            alignment.raw_size = Some([size(nx)?, size(ny)?, size(n)?]);
        }
        ("NumPatches", [count]) => alignment.patches = line.usize(count, "NumPatches")?,
        ("DarkFrame", [frame, section, tilt]) => alignment.dark_frames.push(DarkFrame {
            frame: line.i64(frame, "frame index")?,
            section: line.i64(section, "section")?,
            tilt: line.f64(tilt, "tilt angle")?,
        }),
        ("AlphaOffset", [value]) => alignment.alpha_offset = Some(line.f64(value, "AlphaOffset")?),
        ("BetaOffset", [value]) => alignment.beta_offset = Some(line.f64(value, "BetaOffset")?),
        ("Thickness", [value]) => alignment.thickness = Some(line.f64(value, "Thickness")?),
        (
            "RawSize" | "NumPatches" | "DarkFrame" | "AlphaOffset" | "BetaOffset" | "Thickness",
            _,
        ) => {
            return Err(line.error(format!("other values for {}", key.trim()), value));
        }
        _ => alignment.other.push(comment.to_owned()),
    }
    Ok(())
}

fn image_row(line: &Line<'_>) -> Result<AlignedImage, FormatError> {
    let words: Vec<&str> = line.words().collect();
    let [section, values @ ..] = &words[..] else {
        return Err(line.error("10 values", line.text));
    };
    let numbers = values
        .iter()
        .map(|word| line.f64(word, "a value of the row"))
        .collect::<Result<Vec<_>, _>>()?;
    let [
        rotation,
        magnification,
        tx,
        ty,
        smean,
        sfit,
        scale,
        base,
        tilt,
    ] = numbers[..]
    else {
        return Err(line.error(
            "10 values SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT",
            line.text,
        ));
    };
    Ok(AlignedImage {
        section: line.i64(section, "section")?,
        rotation,
        magnification,
        shift: [tx, ty],
        intensity: [smean, sfit, scale, base],
        tilt,
    })
}

fn local_row(line: &Line<'_>, images: usize) -> Result<LocalShift, FormatError> {
    let words: Vec<&str> = line.words().collect();
    let (fields, good) = match &words[..] {
        [fields @ .., good] if fields.len() == 6 => {
            (fields, Some(line.f64(good, "good flag")? > 0.5))
        }
        fields if fields.len() == 6 => (fields, None),
        _ => return Err(line.error("6 or 7 values: image patch x y dx dy [good]", line.text)),
    };
    let image = line.usize(fields[0], "image index")?;
    if image >= images {
        return Err(line.error(
            format!("an image index below {images}, the number of rows above"),
            fields[0],
        ));
    }
    let number = |index: usize| line.f64(fields[index], "a value of the row");
    Ok(LocalShift {
        image,
        patch: line.usize(fields[1], "patch index")?,
        position: [number(2)?, number(3)?],
        shift: [number(4)?, number(5)?],
        good,
    })
}
