//! What was decided by hand becomes a particle set: every particle comes out or is listed, and every column stays whole.

use serde_json::{Value, json};
use thon_contract::kinds::{EditsKind, ParticlesKind};
use thon_contract::{Context, DirectoryWorkspace, Kind, Note, SlotRecord};
use thon_geometry::{Point, Pose, Rotation};
use thon_model::{Carried, CarriedColumn, CuratedSet, Edit, Edits, Half, ParticleSet};

use crate::project::{Outcome, Project};

/// Six particles of two series, in halves, with a score and a word each.
fn picks() -> ParticleSet {
    let pose = |k: usize| Pose::new(Rotation::identity(), Point::new(10.0 * k as f64, 1.0, -1.0));
    let column = |label: &str, value: fn(usize) -> String| CarriedColumn {
        label: label.into(),
        values: (0..6).map(value).collect(),
    };
    ParticleSet {
        names: (0..6).map(|k| format!("p{k}")).collect(),
        tilt_series_names: vec!["TS_1".into(), "TS_2".into()],
        tilt_series: vec![0, 0, 0, 1, 1, 1],
        poses: (0..6).map(pose).collect(),
        oriented: true,
        halves: vec![Half::One; 6],
        carried: Carried {
            source: "picks".into(),
            columns: vec![
                column("score", |k| format!("0.{k}")),
                column("word", |k| format!("w{k}")),
            ],
        },
        ..ParticleSet::default()
    }
}

fn stored<K: Kind>(project: &Project, name: &str, value: &K::Value, digest: &str) -> SlotRecord {
    let workspace = DirectoryWorkspace {
        root: project.path().to_owned(),
    };
    let context = Context::new(&workspace, &thon_compute::Quiet, 1 << 28);
    let mut item = context.store::<K>(name, value).unwrap();
    item.digest = digest.into();
    SlotRecord {
        kind: K::NAME.into(),
        items: vec![item],
    }
}

fn add(series: &str, x: f64, class: Option<u32>) -> Edit {
    Edit::Add {
        tilt_series: series.into(),
        position: [x, 2.0, 3.0],
        class,
    }
}

fn about(edits: Vec<Edit>) -> Edits {
    let particles = Some(CuratedSet {
        digest: "abc".into(),
        count: 6,
    });
    Edits { particles, edits }
}

fn rejected(outcome: &Outcome) -> Vec<String> {
    let reason = |note: &Note| match note {
        Note::Rejected(one) => Some(format!("{}: {}", one.name, one.reason)),
        _ => None,
    };
    outcome.notes.iter().filter_map(reason).collect()
}

fn curate(project: &Project, edits: &Edits, params: Value) -> (ParticleSet, Vec<String>) {
    let particles = stored::<ParticlesKind>(project, "picks", &picks(), "abc");
    let edits = stored::<EditsKind>(project, "curation-1", edits, "e");
    let inputs = [("particles", &particles), ("edits", &edits)];
    let outcome = project.run("particles.curate", params, &inputs);
    let set = project.load::<ParticlesKind>(&outcome.outputs["particles"]);
    (set.into_iter().next().unwrap(), rejected(&outcome))
}

#[test]
fn particles_are_kept_moved_left_out_and_added() {
    let project = Project::new();
    let edits = about(vec![
        Edit::Reject {
            particles: vec![1, 4],
        },
        Edit::Accept { particles: vec![0] },
        add("TS_2", 77.0, None),
        add("TS_9", 78.0, None),
        add("TS_9", 79.0, None),
        Edit::Undo,
        Edit::Move {
            particle: 5,
            position: [500.0, 0.0, 0.0],
        },
    ]);
    let (set, gone) = curate(&project, &edits, json!({}));
    assert_eq!(gone, ["p1: rejected by hand", "p4: rejected by hand"]);
    assert_eq!(
        set.names,
        ["p0", "p2", "p3", "p5", "TS_2-by-hand-7", "TS_9-by-hand-8"]
    );
    assert_eq!(set.tilt_series_names, ["TS_1", "TS_2", "TS_9"]);
    assert_eq!(set.tilt_series, [0, 0, 1, 1, 1, 2]);
    let x: Vec<f64> = set.poses.iter().map(|pose| pose.position.xyz.x).collect();
    assert_eq!(x, [0.0, 20.0, 30.0, 500.0, 77.0, 78.0]);
    assert_eq!(set.halves[4..], [Half::One, Half::Two]);
    assert_eq!(set.carried.value("score", 3), Some("0.5"));
    assert_eq!(set.carried.value("score", 4), Some("nan"));
    assert_eq!(set.carried.value("word", 5), Some(""));
    // The strict way: what nobody looked at goes too, and says so.
    let (set, gone) = curate(&project, &edits, json!({ "accepted_only": true }));
    assert_eq!(set.names[0], "p0");
    assert_eq!((set.len(), gone.len()), (3, 5));
    assert!(gone.contains(&"p2: not accepted by hand".to_owned()));
}

#[test]
fn points_alone_are_a_set_with_their_groups() {
    let project = Project::new();
    let edits = Edits {
        particles: None,
        edits: vec![add("TS_1", 1.0, Some(2)), add("TS_1", 2.0, None)],
    };
    let edits = stored::<EditsKind>(&project, "by_hand", &edits, "e");
    let outcome = project.run("particles.curate", json!({}), &[("edits", &edits)]);
    let set = &project.load::<ParticlesKind>(&outcome.outputs["particles"])[0];
    assert_eq!((set.len(), set.oriented), (2, false));
    assert_eq!(set.classes, [2, 1]);
}

#[test]
fn edits_that_do_not_belong_are_refused() {
    let project = Project::new();
    let particles = stored::<ParticlesKind>(&project, "picks", &picks(), "abc");
    let says = |edits: &Edits, particles: Option<&SlotRecord>| {
        let edits = stored::<EditsKind>(&project, "curation-1", edits, "e");
        let mut inputs = vec![("edits", &edits)];
        inputs.extend(particles.map(|slot| ("particles", slot)));
        project.refusal("particles.curate", json!({}), &inputs)[0]
            .message
            .clone()
    };
    let mut other = about(Vec::new());
    other.particles.as_mut().unwrap().digest = "xyz".into();
    assert!(says(&other, Some(&particles)).contains("another set"));
    assert!(says(&about(Vec::new()), None).contains("none is given"));
    assert!(says(&Edits::default(), Some(&particles)).contains("one is given"));
    assert!(says(&Edits::default(), None).contains("no particle is left"));
    let all = about(vec![Edit::Reject {
        particles: (0..6).collect(),
    }]);
    assert!(says(&all, Some(&particles)).contains("no particle is left"));
    let wrong = about(vec![Edit::Accept { particles: vec![6] }]);
    assert!(says(&wrong, Some(&particles)).contains("no particle 6"));
}
