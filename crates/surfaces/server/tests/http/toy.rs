//! A project with one job that makes a small map, and requests to a server over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;
use thon_contract::kinds::{MapKind, ParticlesKind};
use thon_contract::{
    AnyJob, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_engine::{Catalogue, Engine, JobSpec, Silent};
use thon_geometry::{Point, Pose, Rotation};
use thon_model::{Map, ParticleSet};
use thon_project::{Durable, JobNumber, Project};
use thon_server::{Role, Server, Settings, Tokens, router};
use thon_units::PixelSize;
use tower::ServiceExt;

/// Make a small map.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Edge length.
    #[schemars(range(min = 2, max = 64))]
    pub size: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { size: 4 }
    }
}

/// What comes out.
#[derive(Serialize, JsonSchema)]
pub struct Outputs {
    /// The map.
    map: Output<MapKind>,
}

/// Makes a map whose voxels count up.
struct MakeMap;

impl Job for MakeMap {
    const ID: &'static str = "toy.make-map";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(_: &Params, _: &NoInputs, _: &Context) -> Vec<Finding> {
        Vec::new()
    }

    fn cost(params: &Params, _: &NoInputs, _: &Context) -> Cost {
        Cost {
            memory: 4 * (params.size as u64).pow(3),
            ..Cost::default()
        }
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let n = params.size;
        let data = Array3::from_shape_fn((n, n, n), |(z, y, x)| (100 * z + 10 * y + x) as f32);
        let map = Map::new(data, PixelSize(2.0));
        let record = context.store::<MapKind>("map", &map)?;
        Ok(Outputs {
            map: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "A map was made.".into(),
            citations: Vec::new(),
        }
    }
}

/// What comes out of making particles.
#[derive(Serialize, JsonSchema)]
pub struct ParticleOutputs {
    /// The particles.
    particles: Output<ParticlesKind>,
}

/// Makes thirty particles of two tilt series and three classes.
struct MakeParticles;

impl Job for MakeParticles {
    const ID: &'static str = "toy.make-particles";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = ParticleOutputs;

    fn check(_: &Params, _: &NoInputs, _: &Context) -> Vec<Finding> {
        Vec::new()
    }

    fn cost(_: &Params, _: &NoInputs, _: &Context) -> Cost {
        Cost::default()
    }

    fn run(_: &Params, _: &NoInputs, context: &Context) -> Result<ParticleOutputs, JobError> {
        let pose = |k: usize| Pose::new(Rotation::identity(), Point::new(k as f64, 2.0, -3.0));
        let set = ParticleSet {
            names: (0..30).map(|k| format!("p{k}")).collect(),
            tilt_series_names: vec!["TS_1".into(), "TS_2".into()],
            tilt_series: (0..30).map(|k| u32::from(k % 3 == 0)).collect(),
            poses: (0..30).map(pose).collect(),
            oriented: true,
            classes: (0..30).map(|k| k % 3 + 1).collect(),
            ..ParticleSet::default()
        };
        let record = context.store::<ParticlesKind>("set", &set)?;
        Ok(ParticleOutputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods::default()
    }
}

static ALL: &[&dyn AnyJob] = &[&MakeMap, &MakeParticles];

fn settings(root: PathBuf, program: &Path) -> Settings {
    Settings {
        version: "0.0.0",
        catalogue: Catalogue::new(ALL),
        project: root,
        program: program.to_path_buf(),
        flags: Vec::new(),
        memory: 1 << 30,
        roots: Vec::new(),
        resume: false,
    }
}

/// A server over a fresh project with one finished job.
pub struct Place {
    pub directory: TempDir,
    pub tokens: Tokens,
    pub router: Router,
    pub server: Arc<Server>,
}

impl Place {
    pub fn new() -> Self {
        Self::with_program(Path::new("false"))
    }

    /// The same, with another program to run jobs.
    pub fn with_program(program: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("project");
        let project = Project::create(&Durable::default(), &root).unwrap();
        let engine = Engine {
            project: &project,
            catalogue: Catalogue::new(ALL),
            observer: &Silent,
            settings: thon_engine::Settings::default(),
        };
        let spec = JobSpec {
            operation: "toy.make-map".into(),
            parameters: serde_json::json!({}),
            ..JobSpec::default()
        };
        let number = engine.submit(&spec).unwrap();
        engine.run(number).unwrap();
        assert_eq!(number, JobNumber(1));
        drop(project);
        let settings = settings(root, program);
        let tokens = Tokens::random();
        let server = Server::open(settings, tokens.clone()).unwrap();
        Self {
            directory,
            tokens,
            router: router(Arc::clone(&server)),
            server,
        }
    }

    /// What another server over the same project is opened with.
    pub fn settings(&self) -> Settings {
        settings(self.directory.path().join("project"), Path::new("false"))
    }

    /// Runs a job as a shell beside the server would; answers its number.
    pub fn run(&self, operation: &str) -> u32 {
        let root = self.directory.path().join("project");
        let project = Project::open(&Durable::default(), &root).unwrap();
        let engine = Engine {
            project: &project,
            catalogue: Catalogue::new(ALL),
            observer: &Silent,
            settings: thon_engine::Settings::default(),
        };
        let spec = JobSpec {
            operation: operation.into(),
            parameters: serde_json::json!({}),
            ..JobSpec::default()
        };
        let number = engine.submit(&spec).unwrap();
        engine.run(number).unwrap();
        number.0
    }

    /// Sends a request; answers status, headers and body.
    pub async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let events = head
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        // A stream of events has no end.
        let body = if events {
            Vec::new()
        } else {
            to_bytes(body, 1 << 26).await.unwrap().to_vec()
        };
        (head.status, head.headers, body)
    }

    /// A request as the page sends it.
    pub fn request(&self, method: &str, path: &str, role: Role, body: &str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:8470")
            .header("sec-fetch-site", "same-origin")
            .header("authorization", format!("Bearer {}", self.tokens.of(role)))
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = self.request("GET", path, Role::Owner, "");
        let (status, _, body) = self.send(request).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request("POST", path, Role::Owner, &body.to_string());
        let (status, _, body) = self.send(request).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}
