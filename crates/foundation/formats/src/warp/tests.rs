//! Building and reading a Warp item, and wrong values.

use super::*;

#[test]
fn building_and_reading_a_series() {
    let mut item = WarpItem::new("TiltSeries");
    item.document
        .root
        .set_attribute("AreAnglesInverted", "False");
    item.document.root.set_attribute("PlaneNormal", "0, 0.5, 1");
    item.document.root.set_attribute("UnselectManual", "");
    item.set_list("Angles", ["40.01", "-1.5"]);
    item.set_list("UseTilt", ["True", "False"]);
    item.set_parameter("CTF", "Voltage", "300");
    item.set_parameter("CTF", "Voltage", "200");
    let node = |z, value| GridNode {
        position: [0, 0, z, 0],
        value,
    };
    let grid = Grid {
        size: [1, 1, 2, 1],
        duration: None,
        margins: Some([0.0; 3]),
        nodes: vec![node(0, 3.25), node(1, -1e-9)],
    };
    item.set_grid("GridCTF", &grid);
    let back = parse(&write(&item), "b.xml").unwrap();
    assert_eq!(back.flag("AreAnglesInverted").unwrap(), Some(false));
    assert_eq!(back.flag("UnselectManual").unwrap(), None);
    assert_eq!(
        back.numbers("PlaneNormal").unwrap().unwrap(),
        [0.0, 0.5, 1.0]
    );
    assert_eq!(back.number_list("Angles").unwrap().unwrap(), [40.01, -1.5]);
    assert_eq!(back.flag_list("UseTilt").unwrap().unwrap(), [true, false]);
    assert_eq!(
        back.parameter_number("CTF", "Voltage").unwrap(),
        Some(200.0)
    );
    assert_eq!(back.grid("GridCTF").unwrap().unwrap(), grid);
    assert!(back.grid("GridMovementX").unwrap().is_none());
}

#[test]
fn wrong_values_and_grids() {
    let text = "<TiltSeries><Angles>1\nx</Angles><GridCTF Width=\"2\" Height=\"1\" Depth=\"1\"><Node X=\"2\" Y=\"0\" Z=\"0\" Value=\"1\"/></GridCTF></TiltSeries>";
    let item = parse(text, "a.xml").unwrap();
    assert_eq!(
        item.number_list("Angles").unwrap_err().to_string(),
        "a.xml:2: expected a number in <Angles>, found 'x'"
    );
    assert!(item.grid("GridCTF").is_err());
    assert!(parse("<Other/>", "a").is_err());
}
