//! Readers and writers of the field's files; no model, no conversion.
