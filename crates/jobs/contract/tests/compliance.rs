//! The compliance check finds each fault of a job that was declared carelessly, and none in a careful one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::compliance::{check_declaration, declaration_text};
use thon_contract::kinds::CurvesKind;
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_units::PixelSize;

struct Careful;

/// Draw a straight line.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct CarefulParams {
    /// Size of a pixel.
    pixel_size: PixelSize,
    /// How steep.
    #[schemars(range(min = 0.0, max = 9.0))]
    slope: f64,
    /// What it is called; empty for nothing.
    title: Option<String>,
}

impl Default for CarefulParams {
    fn default() -> Self {
        Self {
            pixel_size: PixelSize(1.0),
            slope: 1.0,
            title: None,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct CarefulOutputs {
    /// The line.
    line: Output<CurvesKind>,
}

impl Job for Careful {
    const ID: &'static str = "maps.draw-line";
    type Params = CarefulParams;
    type Inputs = NoInputs;
    type Outputs = CarefulOutputs;
    fn check(_: &CarefulParams, _: &NoInputs, _: &Context) -> Vec<Finding> {
        vec![]
    }
    fn cost(_: &CarefulParams, _: &NoInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(_: &CarefulParams, _: &NoInputs, _: &Context) -> Result<CarefulOutputs, JobError> {
        Ok(CarefulOutputs {
            line: Output::empty(),
        })
    }
    fn methods(_: &CarefulParams) -> Methods {
        Methods {
            text: "A line was drawn.".into(),
            citations: vec![Citation::new("Euclid", "")],
        }
    }
}

struct Careless;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct CarelessParams {
    pixel_size: f64,
    /// How steep.
    #[schemars(range(min = 0.0, max = 9.0))]
    slope: f64,
    /// What to do.
    todo: Todo,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Todo {
    Nothing,
    /// Some of it.
    Something,
}

impl Default for CarelessParams {
    fn default() -> Self {
        Self {
            pixel_size: 1.0,
            slope: 10.0,
            todo: Todo::Nothing,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct CarelessInputs {
    #[expect(dead_code, reason = "only declared")]
    line: Artifact<CurvesKind>,
}

#[derive(Serialize, JsonSchema)]
struct CarelessOutputs {}

impl Job for Careless {
    const ID: &'static str = "DrawLine";
    type Params = CarelessParams;
    type Inputs = CarelessInputs;
    type Outputs = CarelessOutputs;
    fn check(_: &CarelessParams, _: &CarelessInputs, _: &Context) -> Vec<Finding> {
        vec![]
    }
    fn cost(_: &CarelessParams, _: &CarelessInputs, _: &Context) -> Cost {
        Cost::default()
    }
    fn run(
        _: &CarelessParams,
        _: &CarelessInputs,
        _: &Context,
    ) -> Result<CarelessOutputs, JobError> {
        Ok(CarelessOutputs {})
    }
    fn methods(_: &CarelessParams) -> Methods {
        Methods::default()
    }
}

#[test]
fn a_careful_declaration_has_no_fault() {
    assert_eq!(
        check_declaration(&Careful, &["curves"]),
        Vec::<String>::new()
    );
    let text = "maps.draw-line version 1\n  out line: curves\n  pixel_size: number Å/px = 1.0\n  \
                slope: number in [0, 9] = 1.0\n  title: text? = null\n";
    assert_eq!(declaration_text(&Careful), text);
}

#[test]
fn every_fault_of_a_careless_declaration_is_named() {
    let faults = check_declaration(&Careless, &["map"]);
    for expected in [
        "the name is not `room.verb-noun`",
        "no doc comment, so there is no summary",
        "no sentence for the methods",
        "it has no output",
        "input `line` has no documentation",
        "input `line` is of the unknown kind \"curves\"",
        "parameter `pixel_size` has no documentation",
        "parameter `pixel_size` is a pixel_size in none",
        "choice `nothing` of `todo` has no documentation",
        "the default 10.0 of `slope` is out of its range",
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{expected}: {faults:#?}"
        );
    }
    assert!(faults.iter().all(|fault| fault.starts_with("DrawLine: ")));
}
