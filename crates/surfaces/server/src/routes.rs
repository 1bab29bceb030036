//! What can be asked: one table, from which the router, the OpenAPI document and the test of access are made.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::access::Role;
use crate::call::{Answered, Call};
use crate::server::Server;
use crate::{
    commands, curations, detail, exposure, jobs, log, objects, operations, particles, picker,
    pipelines, queueing, readings, session, volumes,
};

/// How it is asked. `Get` changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To look.
    Get,
    /// To change something; the body is JSON.
    Post,
}

type Handle = fn(&Server, &Call) -> Answered;

/// Who answers.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// A function, on a thread of its own.
    Plain(Handle),
    /// The stream of events.
    Events,
}

/// Something that follows the question mark.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What comes back.
#[derive(Clone, Copy)]
pub(crate) enum Gives {
    Json(fn() -> Schema),
    Binary(&'static str),
}

/// One thing that can be asked.
#[derive(Clone, Copy)]
pub struct Route {
    /// How.
    pub method: Method,
    /// Where; parts in braces stand for something.
    pub path: &'static str,
    /// Who may, at least.
    pub role: Role,
    /// What it does.
    pub doc: &'static str,
    /// What may follow the question mark.
    pub query: &'static [Query],
    pub(crate) takes: Option<fn() -> Schema>,
    pub(crate) gives: Gives,
    pub(crate) handler: Handler,
}

fn schema<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}

const fn get(path: &'static str, doc: &'static str, gives: Gives, handler: Handle) -> Route {
    Route {
        method: Method::Get,
        path,
        role: Role::Viewer,
        doc,
        query: &[],
        takes: None,
        gives,
        handler: Handler::Plain(handler),
    }
}

const fn post(
    path: &'static str,
    doc: &'static str,
    takes: fn() -> Schema,
    gives: Gives,
    handler: Handle,
) -> Route {
    Route {
        method: Method::Post,
        role: Role::Editor,
        takes: Some(takes),
        ..get(path, doc, gives, handler)
    }
}

impl Route {
    const fn query(self, query: &'static [Query]) -> Self {
        Self { query, ..self }
    }

    const fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

const fn q(name: &'static str, doc: &'static str) -> Query {
    Query { name, doc }
}

const PART: Query = q("part", "of a tomogram: full, half-1 or half-2");
const EDGE: Query = q("size", "longest edge in pixels; more is binned");

const SERIES: Query = q("series", "of this tilt series alone, from 0");

/// Everything that can be asked.
pub static ROUTES: &[Route] = &[
    get(
        "/api/project",
        "The project, and what the asker may do",
        Gives::Json(schema::<jobs::ProjectSummary>),
        jobs::project,
    ),
    get(
        "/api/graph",
        "All jobs with state, progress and where their inputs come from",
        Gives::Json(schema::<jobs::Graph>),
        jobs::graph,
    ),
    get(
        "/api/jobs/{job}",
        "One job: parameters, inputs, results, methods",
        Gives::Json(schema::<detail::Detail>),
        detail::job,
    ),
    get(
        "/api/jobs/{job}/log",
        "The log of the last attempt",
        Gives::Json(schema::<log::Log>),
        log::log,
    )
    .query(&[
        q("from", "byte to start from"),
        q("part", "of this part of an attempt that is shared out"),
    ]),
    get(
        "/api/jobs/{job}/readings",
        "What a job says of itself after each step, such as an iteration",
        Gives::Json(schema::<Vec<readings::Readings>>),
        readings::readings,
    ),
    post(
        "/api/jobs",
        "Make a job, and run it when asked to",
        schema::<commands::Asked>,
        Gives::Json(schema::<commands::Performed>),
        commands::create,
    ),
    post(
        "/api/jobs/{job}/run",
        "Run a recorded job",
        schema::<queueing::Placing>,
        Gives::Json(schema::<commands::Performed>),
        commands::run,
    ),
    post(
        "/api/jobs/{job}/cancel",
        "Ask a job to stop; what it finished is kept",
        schema::<Value>,
        Gives::Json(schema::<commands::Performed>),
        commands::cancel,
    ),
    post(
        "/api/jobs/{job}/branch",
        "Make a job again with changed parameters, and what came from it",
        schema::<pipelines::AskedBranch>,
        Gives::Json(schema::<pipelines::Made>),
        pipelines::branch,
    ),
    get(
        "/api/jobs/{job}/pipeline",
        "A job and all it came from, as a pipeline file",
        Gives::Json(schema::<pipelines::PipelineText>),
        pipelines::extract,
    ),
    get(
        "/api/jobs/{job}/report",
        "How a result came about: methods, parameters, versions, counts, citations",
        Gives::Json(schema::<pipelines::ReportText>),
        pipelines::report,
    ),
    post(
        "/api/pipelines",
        "Make the jobs of a pipeline, and run them when asked to",
        schema::<pipelines::AskedPipeline>,
        Gives::Json(schema::<pipelines::Made>),
        pipelines::run,
    ),
    post(
        "/api/curations",
        "Begin to curate picks, or to pick by hand",
        schema::<curations::AskedCuration>,
        Gives::Json(schema::<curations::CurationSummary>),
        curations::start,
    ),
    get(
        "/api/curations",
        "What is curated",
        Gives::Json(schema::<Vec<curations::CurationSummary>>),
        curations::all,
    ),
    get(
        "/api/curations/{curation}",
        "A curation",
        Gives::Json(schema::<curations::CurationSummary>),
        curations::one,
    ),
    get(
        "/api/curations/{curation}/edits",
        "Its edits",
        Gives::Json(schema::<curations::EditsAnswer>),
        curations::edits,
    )
    .query(&[q("from", "first edit, from 0")]),
    post(
        "/api/curations/{curation}/edits",
        "Add edits; they are stored when this is answered",
        schema::<curations::AskedEdits>,
        Gives::Json(schema::<curations::Stored>),
        curations::edit,
    ),
    post(
        "/api/curations/{curation}/seal",
        "Write the edits so far into a file that a job can take",
        schema::<Value>,
        Gives::Json(schema::<curations::Sealed>),
        curations::seal,
    ),
    get(
        "/api/session",
        "The tilt series with what the newest jobs found of them",
        Gives::Json(schema::<session::Session>),
        session::session,
    ),
    get(
        "/api/executors",
        "Where jobs can run",
        Gives::Json(schema::<Vec<queueing::ExecutorSummary>>),
        queueing::executors,
    ),
    post(
        "/api/check",
        "What a job would do, need, and what speaks against it; nothing is recorded",
        schema::<commands::Asked>,
        Gives::Json(schema::<commands::Checked>),
        commands::check,
    ),
    get(
        "/api/operations",
        "The jobs that can be run",
        Gives::Json(schema::<Vec<operations::Operation>>),
        operations::operations,
    ),
    get(
        "/api/operations/{operation}",
        "One of them with its parameters",
        Gives::Json(schema::<operations::OperationDetail>),
        operations::operation,
    ),
    get(
        "/api/objects/{job}/{slot}/{item}/document",
        "The document of a result: tilt series, tomogram, curves",
        Gives::Json(schema::<Value>),
        objects::document,
    ),
    get(
        "/api/objects/{job}/{slot}/{item}/picture",
        "A picture",
        Gives::Binary("image/png"),
        objects::picture,
    ),
    get(
        "/api/objects/{job}/{slot}/{item}/files/{file}",
        "A file of a result, to save",
        Gives::Binary("application/octet-stream"),
        objects::file,
    ),
    get(
        "/api/objects/{job}/{slot}/{item}/particles",
        "What there is to know of a set of particles as a whole",
        Gives::Json(schema::<particles::ParticlesSummary>),
        particles::summary,
    ),
    get(
        "/api/objects/{job}/{slot}/{item}/particles/rows",
        "Some particles, row by row",
        Gives::Json(schema::<particles::Rows>),
        particles::rows,
    )
    .query(&[q("from", "first, from 0"), q("limit", "most"), SERIES]),
    get(
        "/api/objects/{job}/{slot}/{item}/particles/points",
        "Particles in space, evenly thinned out, packed",
        Gives::Binary("application/octet-stream"),
        particles::points,
    )
    .query(&[
        q("most", "points to send at most"),
        q("by", "carried column whose numbers are sent along"),
        SERIES,
    ]),
    get(
        "/api/objects/{job}/{slot}/{item}/volume",
        "Size and statistics of a volume",
        Gives::Json(schema::<volumes::VolumeSummary>),
        volumes::volume,
    )
    .query(&[PART]),
    get(
        "/api/objects/{job}/{slot}/{item}/slice",
        "A slice of a volume, packed",
        Gives::Binary("application/octet-stream"),
        volumes::slice,
    )
    .query(&[
        q("axis", "x, y or z"),
        q("index", "position along it, from 0"),
        q("thickness", "voxels to average"),
        EDGE,
        PART,
    ]),
    get(
        "/api/objects/{job}/{slot}/{item}/crops",
        "Pieces of a volume around some places, packed",
        Gives::Binary("application/octet-stream"),
        volumes::crops,
    )
    .query(&[
        q("at", "places in voxels, as x.y.z_x.y.z"),
        q("edge", "voxels along x and y"),
        q("thickness", "voxels to average along z"),
        PART,
    ]),
    get(
        "/api/objects/{job}/{slot}/{item}/density",
        "A whole volume, binned and packed",
        Gives::Binary("application/octet-stream"),
        volumes::density,
    )
    .query(&[EDGE, PART]),
    get(
        "/api/objects/{job}/{slot}/{item}/stack",
        "The images of a stack among the files of a result, binned and packed",
        Gives::Binary("application/octet-stream"),
        volumes::stack,
    )
    .query(&[EDGE]),
    get(
        "/api/objects/{job}/{slot}/{item}/image",
        "An image of a tilt series, packed",
        Gives::Binary("application/octet-stream"),
        volumes::tilt_image,
    )
    .query(&[q("view", "which, from 0"), EDGE]),
    get(
        "/api/objects/{job}/{slot}/{item}/exposure",
        "What exposure leaves of the signal in each view of a tilt series",
        Gives::Json(schema::<exposure::ExposureWeights>),
        exposure::exposure,
    ),
    get(
        "/api/files",
        "Files that can be picked",
        Gives::Json(schema::<picker::Listing>),
        picker::files,
    )
    .query(&[q("root", "which directory, from 0"), q("path", "below it")])
    .role(Role::Editor),
    get(
        "/api/links",
        "The links to give to others",
        Gives::Json(schema::<commands::Links>),
        commands::links,
    )
    .role(Role::Owner),
    get(
        "/api/openapi.json",
        "This table, as an OpenAPI document",
        Gives::Json(schema::<Value>),
        crate::openapi::answer,
    ),
    Route {
        handler: Handler::Events,
        ..get(
            "/api/events",
            "The jobs that change, as server-sent events",
            Gives::Binary("text/event-stream"),
            jobs::graph,
        )
    },
];
