//! Keys, lists and positions of command files, and building one.

use super::*;

const TILT: &str = "# Command file\n#\n$tilt -StandardInput\nInputProjections BBa.ali\nTHICKNESS\t84\nPERPENDICULAR\nRADIAL 0.35 0.05\nActionIfGPUFails 1,2\nEXCLUDELIST 1-3,8\nEXCLUDELIST2 61\nEXCLUDELIST 20\n$newstack\nin.st\nout.ali\n\n$if (-e ./savework) ./savework\n";

#[test]
fn keys_lists_and_positions() {
    let file = parse(TILT, "tilt.com").unwrap();
    assert_eq!(write(&file), TILT);
    let tilt = file.command("tilt").unwrap();
    assert_eq!(tilt.get("thickness"), Some("84"));
    assert_eq!(tilt.get("PERPENDICULAR"), Some(""));
    assert_eq!(tilt.get("PARALLEL"), None);
    assert_eq!(tilt.numbers("RADIAL").unwrap().unwrap(), [0.35, 0.05]);
    assert_eq!(
        tilt.numbers("ActionIfGPUFails").unwrap().unwrap(),
        [1.0, 2.0]
    );
    assert_eq!(
        tilt.number_list("EXCLUDELIST").unwrap().unwrap(),
        [1, 2, 3, 8, 20]
    );
    let stack = file.command("newstack").unwrap();
    assert_eq!(stack.positional().collect::<Vec<_>>(), ["in.st", "out.ali"]);
    assert_eq!(stack.entries().count(), 0);
    let error = tilt.numbers("InputProjections").unwrap_err();
    assert_eq!(
        error.to_string(),
        "tilt.com:4: expected numbers for InputProjections, found 'BBa.ali'"
    );
}

#[test]
fn building_and_changing() {
    let mut command = Command::new("tilt", [("THICKNESS", "100"), ("PERPENDICULAR", "")]);
    command.set("Thickness", "200");
    command.set("MODE", "1");
    let file = CommandFile {
        commands: vec![command],
        ..CommandFile::default()
    };
    assert_eq!(
        write(&file),
        "$tilt -StandardInput\nThickness 200\nPERPENDICULAR\nMODE 1\n"
    );
    assert!(parse("no command\n", "x").is_err());
}
