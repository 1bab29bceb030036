//! What is said when something is wrong, and the exit code with it.

use thon_cli::Exit;

use crate::shell::{line, project, within};

#[test]
fn mistyped_names_get_the_nearest_one() {
    let said = |words: &str| line(words).refused(Exit::Usage);
    assert_eq!(
        said("run toy.mke"),
        "error: there is no job `toy.mke`\nhint: did you mean `toy.make`?\n"
    );
    assert_eq!(
        said("run scale"),
        "error: there is no job `scale`\nhint: did you mean `toy.scale-curve`?\n"
    );
    assert_eq!(
        said("shwo 1"),
        "error: there is no command `shwo`\nhint: did you mean `show`?\n"
    );
    assert_eq!(
        said("toy.make"),
        "error: there is no command `toy.make`\nhint: it is a job: `thon run toy.make`\n"
    );
    assert_eq!(
        said("run toy.make --cuont 3"),
        "error: there is no flag `--cuont` here\nhint: did you mean `--count`?\n"
    );
    assert_eq!(
        said("run toy.scale-curve --negative kep"),
        "error: --negative: expected one of keep, clip, found \"kep\"\nhint: did you mean `keep`?\n"
    );
    assert_eq!(
        said("project verfy"),
        "error: there is no command `verfy`\nhint: did you mean `verify`?\n"
    );
    assert_eq!(
        said("help toy.mak"),
        "error: there is no command, job or topic `toy.mak`\nhint: did you mean `toy.make`?\n"
    );
    assert_eq!(
        said("show"),
        "error: missing: <JOB>\nhint: `thon show --help` says how it is used\n"
    );
}

#[test]
fn refused_values_say_what_was_expected() {
    let project = project();
    let said = |words: &str| within(project.path(), words).refused(Exit::Usage);
    assert_eq!(
        said("run toy.make --count many"),
        "error: --count: expected a whole number, found \"many\"\n"
    );
    assert_eq!(
        said("run toy.make --count -1"),
        "error: count: expected at least 0, found -1\n"
    );
    assert_eq!(
        said("run toy.make --count"),
        "error: `--count` needs a value\nhint: write `--count <N>`\n"
    );
    assert_eq!(
        within(project.path(), "ls --json").json(),
        serde_json::json!([])
    );
    within(project.path(), "run toy.make").ok();
    let range = said("run toy.scale-curve --input curve=1 --factor 1e3");
    assert!(
        range.contains("factor: expected between -100 and 100 Å, found 1000"),
        "{range}"
    );
}

#[test]
fn inputs_are_explained() {
    let project = project();
    let said = |words: &str| within(project.path(), words).refused(Exit::Usage);
    within(project.path(), "run toy.make -q").ok();
    assert_eq!(
        said("run toy.scale-curve"),
        "error: input curve of toy.scale-curve: it is required and empty\n\
         hint: give `--input curve=JOB.SLOT` or a file of kind curves\n"
    );
    assert_eq!(
        said("run toy.scale-curve --input curv=1"),
        "error: toy.scale-curve has no input `curv`\nhint: did you mean `curve`?\n"
    );
    assert_eq!(
        said("run toy.scale-curve --input curve=1.curve"),
        "error: input curve of toy.scale-curve: job 00001 has no output curve\n\
         hint: its outputs are curves\n"
    );
    assert_eq!(
        said("run toy.scale-curve --input curve=nowhere.curves.json"),
        "error: nowhere.curves.json: no such file\n"
    );
    assert_eq!(
        said("run toy.make --input x=1"),
        "error: there is no flag `--input` here\nhint: `thon run toy.make --help` lists its flags\n"
    );
}

#[test]
fn a_project_is_asked_for() {
    let empty = tempfile::tempdir().unwrap();
    let said = within(empty.path(), "ls").refused(Exit::Project);
    assert!(
        said.contains("is not a thon project") && said.contains("\nhint: `thon new "),
        "{said}"
    );
    let project = project();
    let again = format!("new {}", project.path().display());
    assert!(
        line(&again)
            .refused(Exit::Project)
            .contains("is already a thon project")
    );
    std::fs::write(empty.path().join("notes.txt"), "mine").unwrap();
    let occupied = format!("new {}", empty.path().display());
    assert!(
        line(&occupied)
            .refused(Exit::Usage)
            .contains("is not empty")
    );
    assert_eq!(
        within(project.path(), "show 9").refused(Exit::Usage),
        "error: there is no job 00009 in this project\nhint: `thon ls`\n"
    );
}

#[test]
fn a_project_in_use_is_left_alone() {
    let project = project();
    let durable = thon_project::Durable::default();
    let owner = thon_project::Project::open(&durable, project.path()).unwrap();
    let said = within(project.path(), "run toy.make").refused(Exit::Project);
    assert!(
        said.contains("is in use by process") && said.contains("\nhint: wait for it"),
        "{said}"
    );
    within(project.path(), "ls").ok();
    drop(owner);
    within(project.path(), "run toy.make").ok();
}

#[test]
fn a_bad_file_is_one_error_and_the_others_are_shown() {
    let directory = tempfile::tempdir().unwrap();
    let (good, bad) = (
        directory.path().join("a.txt"),
        directory.path().join("b.mrc"),
    );
    std::fs::write(&good, "just words\n").unwrap();
    std::fs::write(&bad, "").unwrap();
    let words = format!("inspect {} {}", bad.display(), good.display());
    let answer = line(&words);
    assert_eq!(answer.exit, Exit::Usage);
    assert!(answer.out.contains("a.txt"), "{}", answer.out);
    assert!(
        answer.err.starts_with("error: ") && answer.err.contains("the file is empty\nhint: "),
        "{}",
        answer.err
    );
    let documents = line(&format!("{words} --json"));
    let documents: serde_json::Value = serde_json::from_str(&documents.out).unwrap();
    assert!(documents[0]["error"].as_str().unwrap().contains("empty"));
    assert!(documents[1]["kind"].is_string());
}
