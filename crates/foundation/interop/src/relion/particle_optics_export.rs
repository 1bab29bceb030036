//! The general and optics tables of a particle file: carried, or new for the boxes of a set.

use super::Generation;
use super::particle_images::Boxes;
use crate::columns::{Cells, set};
use crate::{LossKind, Losses};
use thon_formats::star::number;
use thon_model::{Carried, ParticleSet, RepresentationKind, TiltSeries};

/// True when the set has boxes of another kind or size than its carried table says.
pub(super) fn boxes_differ(before: &Boxes, set: &ParticleSet) -> bool {
    let (Ok(before), Some(now)) = (before, &set.images) else {
        return false;
    };
    before.as_ref().is_none_or(|old| {
        (
            old.kind,
            old.box_size,
            old.pixel_size,
            old.ctf_premultiplied,
        ) != (
            now.kind,
            now.box_size,
            now.pixel_size,
            now.ctf_premultiplied,
        )
    })
}

/// `rlnImageDimensionality`.
fn dimensions(kind: RepresentationKind) -> &'static str {
    match kind {
        RepresentationKind::Volume => "3",
        RepresentationKind::TiltStack | RepresentationKind::Projection => "2",
    }
}

/// Writes kind and size of the boxes into every optics group.
pub(super) fn put_boxes(particles: &ParticleSet, optics: &mut Carried) {
    let Some(images) = &particles.images else {
        return;
    };
    let groups = optics
        .columns
        .first()
        .map_or(0, |column| column.values.len());
    let dimensions = dimensions(images.kind);
    for row in 0..groups {
        let cells = Cells {
            carried: optics,
            file: "optics",
        };
        let series_pixel = cells
            .number("rlnTomoTiltSeriesPixelSize", row)
            .ok()
            .flatten();
        let mut put = |label: &str, token: String| set(optics, groups, label, row, token, "0");
        put(
            "rlnCtfDataAreCtfPremultiplied",
            i32::from(images.ctf_premultiplied).to_string(),
        );
        put("rlnImageDimensionality", dimensions.to_owned());
        if let Some(pixel) = series_pixel {
            put(
                "rlnTomoSubtomogramBinning",
                number(images.pixel_size.0 / pixel),
            );
        }
        put("rlnImagePixelSize", number(images.pixel_size.0));
        put("rlnImageSize", images.box_size.to_string());
    }
}

pub(super) fn general(particles: &ParticleSet, from_relion: bool) -> Carried {
    let stacks = particles
        .images
        .as_ref()
        .map(|images| images.kind == RepresentationKind::TiltStack);
    if from_relion {
        let mut general = particles.carried_general.clone();
        let stated = general
            .value("rlnTomoSubTomosAre2DStacks", 0)
            .map(|token| token != "0");
        if let (Some(now), Some(before)) = (stacks, stated)
            && now != before
        {
            set(
                &mut general,
                1,
                "rlnTomoSubTomosAre2DStacks",
                0,
                i32::from(now).to_string(),
                "",
            );
        }
        return general;
    }
    let mut general = Carried::default();
    if stacks == Some(true) {
        set(
            &mut general,
            1,
            "rlnTomoSubTomosAre2DStacks",
            0,
            "1".to_owned(),
            "",
        );
    }
    general
}

/// The carried optics table, or one group per pixel size for a new table.
pub(super) fn optics(
    particles: &ParticleSet,
    series: &[TiltSeries],
    from_relion: bool,
    losses: &mut Losses,
) -> Carried {
    if from_relion {
        return particles.carried_optics.clone();
    }
    let mut table = Carried {
        source: Generation::Five.source().to_owned(),
        columns: Vec::new(),
    };
    let first = series
        .iter()
        .find(|one| particles.tilt_series_names.contains(&one.name));
    let boxed = particles.images.is_some();
    let known = particles.optics.or(first.map(|one| one.optics));
    let Some(optics) = known.filter(|_| first.is_some() || boxed) else {
        losses.add(
            LossKind::Optics,
            particles.len(),
            "no tilt series given: the optics table is left out",
        );
        return table;
    };
    let differing = first.map_or(0, |first| {
        let differs =
            |one: &&TiltSeries| one.pixel_size != first.pixel_size || one.optics != first.optics;
        series.iter().filter(differs).count()
    });
    losses.add(
        LossKind::Optics,
        differing,
        "one optics group is written, of the first tilt series",
    );
    let series_pixel = first.map(|one| one.pixel_size.0);
    let mut put = |label: &str, token: String| set(&mut table, 1, label, 0, token, "");
    put("rlnOpticsGroup", "1".to_owned());
    put("rlnOpticsGroupName", "opticsGroup1".to_owned());
    put(
        "rlnSphericalAberration",
        number(optics.spherical_aberration.0),
    );
    put("rlnVoltage", number(optics.voltage.0));
    put("rlnAmplitudeContrast", number(optics.amplitude_contrast));
    if let Some(pixel) = series_pixel {
        put("rlnTomoTiltSeriesPixelSize", number(pixel));
    }
    if let Some(images) = &particles.images {
        let dimensions = dimensions(images.kind);
        put(
            "rlnCtfDataAreCtfPremultiplied",
            i32::from(images.ctf_premultiplied).to_string(),
        );
        put("rlnImageDimensionality", dimensions.to_owned());
        if let Some(pixel) = series_pixel {
            put(
                "rlnTomoSubtomogramBinning",
                number(images.pixel_size.0 / pixel),
            );
        }
        put("rlnImagePixelSize", number(images.pixel_size.0));
        put("rlnImageSize", images.box_size.to_string());
    }
    table
}
