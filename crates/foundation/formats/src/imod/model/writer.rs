//! Writer of binary models. Counts are taken from what the model holds.

use super::{Chunk, Contour, Mesh, Model, Object};

/// Bytes of a model.
///
/// # Panics
/// When a list holds more than 2³¹ − 1 items, which the format cannot express.
pub fn write(model: &Model) -> Vec<u8> {
    let mut out = b"IMOD".to_vec();
    out.extend(model.version);
    out.extend(model.name);
    ints(&mut out, &model.image_size);
    ints(&mut out, &[count(model.objects.len())]);
    out.extend(model.flags.to_be_bytes());
    ints(&mut out, &model.display);
    floats(&mut out, &model.offset);
    floats(&mut out, &model.scale);
    ints(&mut out, &model.current);
    floats(&mut out, &[model.pixel_size]);
    ints(&mut out, &[model.units, model.checksum]);
    floats(&mut out, &model.angles);
    for each in &model.objects {
        object(&mut out, each);
    }
    chunks(&mut out, &model.chunks);
    if model.ends {
        out.extend(b"IEOF");
    }
    out.extend(&model.trailing);
    out
}

fn object(out: &mut Vec<u8>, object: &Object) {
    out.extend(b"OBJT");
    out.extend(object.name);
    out.extend(object.extra);
    ints(out, &[count(object.contours.len())]);
    out.extend(object.flags.to_be_bytes());
    ints(out, &object.axis_drawmode);
    floats(out, &object.colour);
    ints(out, &[object.point_size]);
    out.extend(object.style);
    ints(out, &[count(object.meshes.len()), object.surfaces]);
    for each in &object.contours {
        contour(out, each);
    }
    for each in &object.meshes {
        mesh(out, each);
    }
    chunks(out, &object.chunks);
}

fn contour(out: &mut Vec<u8>, contour: &Contour) {
    out.extend(b"CONT");
    ints(out, &[count(contour.points.len())]);
    out.extend(contour.flags.to_be_bytes());
    ints(out, &[contour.time, contour.surface]);
    floats(out, contour.points.as_flattened());
    chunks(out, &contour.chunks);
}

fn mesh(out: &mut Vec<u8>, mesh: &Mesh) {
    out.extend(b"MESH");
    ints(out, &[count(mesh.vertices.len()), count(mesh.list.len())]);
    out.extend(mesh.flags.to_be_bytes());
    for value in mesh.time_surface {
        out.extend(value.to_be_bytes());
    }
    floats(out, mesh.vertices.as_flattened());
    ints(out, &mesh.list);
    chunks(out, &mesh.chunks);
}

fn chunks(out: &mut Vec<u8>, chunks: &[Chunk]) {
    for chunk in chunks {
        out.extend(chunk.tag);
        ints(out, &[count(chunk.data.len())]);
        out.extend(&chunk.data);
    }
}

fn count(length: usize) -> i32 {
    i32::try_from(length).expect("a model holds fewer than 2^31 items")
}

fn ints(out: &mut Vec<u8>, values: &[i32]) {
    for value in values {
        out.extend(value.to_be_bytes());
    }
}

fn floats(out: &mut Vec<u8>, values: &[f32]) {
    for value in values {
        out.extend(value.to_be_bytes());
    }
}
