//! What a job is: parameters, artifacts, findings, cost; schema to flags; the compliance test.
