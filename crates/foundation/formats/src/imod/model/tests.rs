//! Building, reading back and damaged models.

use super::*;

fn example() -> Model {
    let mut model = Model::new([100, 200, 50]);
    let mut object = Object::new("beads");
    let mut contour = Contour::new(vec![[1.5, 2.5, 3.0], [4.0, 5.0, 6.0]]);
    contour.set_sizes(&[-1.0, 7.5]);
    contour.chunks.push(Chunk {
        tag: *b"XXXX",
        data: vec![1, 2, 3],
    });
    object.contours = vec![contour, Contour::default()];
    object.meshes.push(Mesh {
        vertices: vec![[0.0; 3]; 2],
        list: vec![-25, 0, 1, -22],
        ..Mesh::default()
    });
    object.chunks.push(Chunk {
        tag: *b"IMAT",
        data: vec![9; 16],
    });
    model.objects = vec![object, Object::new(&"n".repeat(100))];
    model.chunks.push(Chunk {
        tag: *b"MINX",
        data: (0..18)
            .flat_map(|value| (value as f32).to_be_bytes())
            .collect(),
    });
    model.chunks.push(Chunk {
        tag: *b"NEWT",
        data: Vec::new(),
    });
    model
}

#[test]
fn built_models_read_back() {
    let model = example();
    let bytes = write(&model);
    let back = parse(&bytes, "a.mod").unwrap();
    assert_eq!(back, model);
    assert_eq!(write(&back), bytes);
    assert_eq!(back.objects[0].name(), "beads");
    assert_eq!(back.objects[1].name().len(), 63);
    assert_eq!(back.objects[0].contours[0].sizes().unwrap(), [-1.0, 7.5]);
    assert_eq!(
        back.image_reference().unwrap().current[2],
        [15.0, 16.0, 17.0]
    );
    assert_eq!(back.points().count(), 2);
}

#[test]
fn every_truncation_is_an_error_or_a_shorter_model() {
    let bytes = write(&example());
    for length in 0..bytes.len() {
        match parse(&bytes[..length], "cut.mod") {
            Ok(model) => assert!(!model.ends && write(&model).len() == length),
            Err(error) => assert!(
                error.to_string().starts_with("cut.mod: expected"),
                "{error}"
            ),
        }
    }
}

#[test]
fn absurd_counts_do_not_allocate() {
    let bytes = write(&example());
    let contour = bytes.windows(4).position(|four| four == b"CONT").unwrap();
    for count in [i32::MAX, -1, i32::MIN, 1000] {
        let mut bad = bytes.clone();
        bad[contour + 4..contour + 8].copy_from_slice(&count.to_be_bytes());
        let error = parse(&bad, "bad.mod").unwrap_err();
        assert!(error.to_string().contains("points of a contour"), "{error}");
    }
    assert!(parse(b"CONT", "x").is_err());
}
