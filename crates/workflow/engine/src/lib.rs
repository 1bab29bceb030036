//! Runs jobs and pipelines: units of work, cache, resume, cancel.
