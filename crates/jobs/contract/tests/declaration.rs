//! One declaration gives flags, validation, slots and a run: shown on a small job.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thon_compute::Quiet;
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::schema::{fields, parse_text, set};
use thon_contract::{
    AnyJob, Citation, Context, Cost, DirectoryWorkspace, Each, Finding, Job, JobError, Methods,
    Output,
};
use thon_units::{Angstrom, Degrees, PixelSize, Radians};

struct Tilt;

/// Tilt every image a little further.
///
/// Only a test would want this.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// How much further.
    #[schemars(range(min = -10.0, max = 10.0))]
    by: Degrees,
    /// Pixel size to record instead.
    pixel_size: Option<PixelSize>,
    /// What to do at the end of the stage's range.
    at_limit: AtLimit,
    /// Filtering.
    filter: Filter,
    /// How images lose contrast.
    loss: Loss,
}

/// A choice of which one variant carries a value.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Loss {
    /// Not at all.
    None,
    /// By this fraction.
    Fraction(f64),
}

/// What to do at the end of the range.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum AtLimit {
    /// Stop there.
    Clamp,
    /// Say so.
    Refuse,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    /// Shortest period kept.
    #[schemars(extend("x-level" = "expert"))]
    low_pass: Angstrom,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            low_pass: Angstrom(20.0),
        }
    }
}

impl Default for Params {
    fn default() -> Self {
        Self {
            by: Degrees(1.0),
            pixel_size: None,
            at_limit: AtLimit::Clamp,
            filter: Filter::default(),
            loss: Loss::None,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Inputs {
    /// The series to tilt.
    tilt_series: Each<TiltSeriesKind>,
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The tilted series.
    tilted: Output<TiltSeriesKind>,
}

impl Job for Tilt {
    const ID: &'static str = "test.tilt";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, _: &Inputs, _: &Context) -> Vec<Finding> {
        Vec::new()
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost::default()
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut series = context.load(inputs.tilt_series.item())?;
        for image in &mut series.images {
            image.nominal_tilt_angle = image.nominal_tilt_angle + params.by.radians();
        }
        let item = context.store::<TiltSeriesKind>(&series.name.clone(), &series)?;
        Ok(Outputs {
            tilted: Output::of(vec![item]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Images were tilted.".into(),
            citations: vec![Citation::new("Nobody 1999", "")],
        }
    }
}

fn job() -> &'static dyn AnyJob {
    &Tilt
}

#[test]
fn fields_carry_units_ranges_choices_and_levels() {
    let fields = fields(&job().params_schema(), &job().default_params());
    let flags: Vec<String> = fields
        .iter()
        .map(thon_contract::schema::Field::flag)
        .collect();
    assert_eq!(
        flags,
        ["by", "pixel-size", "at-limit", "filter-low-pass", "loss"]
    );
    assert_eq!(
        (fields[0].minimum, fields[0].maximum),
        (Some(-10.0), Some(10.0))
    );
    assert_eq!(fields[0].unit.as_deref(), Some("°"));
    assert_eq!(fields[0].doc, "How much further.");
    assert!(fields[1].optional && fields[1].unit.as_deref() == Some("Å/px"));
    let choices: Vec<&str> = fields[2].choices.iter().map(|c| c.value.as_str()).collect();
    assert_eq!(choices, ["clamp", "refuse"]);
    assert!(fields[3].expert && fields[3].default == json!(20.0));
    assert_eq!(job().summary(), "Tilt every image a little further");
}

#[test]
fn parameters_are_completed_or_refused_with_a_hint() {
    let completed = job()
        .complete_params(&json!({ "filter": { "low_pass": 30.0 } }))
        .unwrap();
    assert_eq!(completed["by"], json!(1.0));
    assert_eq!(completed["filter"]["low_pass"], json!(30.0));
    let findings = job()
        .complete_params(
            &json!({ "bye": 1, "by": 11, "at_limit": "panic", "filter": { "low_pass": "wide" } }),
        )
        .unwrap_err();
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        text[0],
        "error: bye: unknown parameter\nhint: did you mean `by`?"
    );
    assert_eq!(
        text[1],
        "error: by: expected between -10 and 10 °, found 11"
    );
    assert_eq!(
        text[2],
        "error: at_limit: expected one of clamp, refuse, found \"panic\""
    );
    assert_eq!(
        text[3],
        "error: filter.low_pass: expected a number, found \"wide\""
    );
}

#[test]
fn text_from_a_command_line_becomes_values() {
    let fields = fields(&job().params_schema(), &job().default_params());
    let mut params = json!({});
    set(
        &mut params,
        &fields[3].path,
        parse_text(&fields[3], "12.5").unwrap(),
    );
    set(
        &mut params,
        &fields[1].path,
        parse_text(&fields[1], "none").unwrap(),
    );
    assert_eq!(
        params,
        json!({ "filter": { "low_pass": 12.5 }, "pixel_size": null })
    );
    assert_eq!(
        parse_text(&fields[0], "much").unwrap_err(),
        "expected a number in °, found \"much\""
    );
}

#[test]
fn a_unit_runs_through_the_erased_job() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = DirectoryWorkspace {
        root: directory.path().into(),
    };
    let context = Context::new(&workspace, &Quiet, 1 << 30);
    let slots = job().inputs();
    assert_eq!(
        (slots[0].kind.as_str(), slots[0].each, slots[0].required),
        ("tilt-series", true, true)
    );

    let mut series = thon_model::TiltSeries {
        name: "TS_01".into(),
        pixel_size: PixelSize(2.0),
        image_size: [8, 8],
        volume_size: None,
        optics: thon_model::Optics::default(),
        nominal_tilt_axis_angle: None,
        defocus_hand: None,
        images: vec![thon_model::TiltImage::new(
            Radians(0.1),
            thon_units::Dose(0.0),
        )],
        carried: thon_model::Carried::default(),
        carried_global: thon_model::Carried::default(),
    };
    let record = context.store::<TiltSeriesKind>("TS_01", &series).unwrap();
    let slot = thon_contract::SlotRecord {
        kind: "tilt-series".into(),
        items: vec![record],
    };
    let inputs = [("tilt_series".to_owned(), slot)].into();
    let params = job().complete_params(&json!({ "by": 2.0 })).unwrap();
    let outputs = job().run(&params, &inputs, &context).unwrap();
    let file = &outputs["tilted"].items[0].files[0];
    assert_eq!(file, Path::new("TS_01.tilt_series.json"));
    series.images[0].nominal_tilt_angle = Radians(0.1) + Degrees(2.0).radians();
    let text = std::fs::read(directory.path().join(file)).unwrap();
    assert_eq!(
        serde_json::from_slice::<thon_model::TiltSeries>(&text).unwrap(),
        series
    );
}

#[test]
fn a_wrong_kind_does_not_connect() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = DirectoryWorkspace {
        root: directory.path().into(),
    };
    let context = Context::new(&workspace, &Quiet, 1 << 30);
    let slot = thon_contract::SlotRecord {
        kind: "map".into(),
        items: vec![],
    };
    let inputs = [("tilt_series".to_owned(), slot)].into();
    let error = job()
        .run(&job().default_params(), &inputs, &context)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected an artifact of kind tilt-series, found map"),
        "{error}"
    );
}

#[test]
fn a_choice_with_values_is_written_as_json_or_a_word() {
    let loss = fields(&job().params_schema(), &job().default_params())
        .pop()
        .unwrap();
    assert_eq!(
        loss.doc,
        "How images lose contrast.\nOne of: none, {\"fraction\": …}."
    );
    assert_eq!(parse_text(&loss, "none"), Ok(json!("none")));
    let fraction = parse_text(&loss, r#"{"fraction": 0.5}"#).unwrap();
    assert_eq!(
        job().complete_params(&json!({ "loss": fraction })).unwrap()["loss"],
        json!({ "fraction": 0.5 })
    );
    assert!(job().complete_params(&json!({ "loss": "much" })).is_err());
}

#[test]
fn a_group_that_may_be_absent_needs_no_defaults_and_stays_absent() {
    let schema = json!({ "properties": { "helix": {
        "type": ["object", "null"],
        "properties": { "rise": { "type": "number", "description": "Rise." } }
    } } });
    let defaults = json!({ "helix": null });
    let found = fields(&schema, &defaults);
    assert_eq!((found.len(), found[0].name().as_str()), (1, "helix.rise"));
    assert!(found[0].optional);
    let completed = |given| thon_contract::schema::complete(&schema, &defaults, &given).unwrap();
    assert_eq!(completed(json!({})), defaults);
    assert_eq!(completed(json!({ "helix": null })), defaults);
    assert_eq!(
        completed(json!({ "helix": { "rise": 3.0 } }))["helix"]["rise"],
        3.0
    );
    // What is left out of a given group is filled by the group's own type, not with null.
    let schema = json!({ "properties": { "helix": {
        "type": ["object", "null"],
        "properties": {
            "rise": { "type": "number" },
            "turn": { "type": "number", "default": 2.0 },
            "hand": { "type": "string" }
        }
    } } });
    let given = json!({ "helix": { "rise": 3.0 } });
    let completed = thon_contract::schema::complete(&schema, &defaults, &given).unwrap();
    assert_eq!(completed, json!({ "helix": { "rise": 3.0, "turn": 2.0 } }));
}
