//! The command line: schema to flags, progress bars, tables, messages.
