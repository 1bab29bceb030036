//! Text files of Dynamo: tables `.tbl` and tomogram index maps `.doc .vll`.

pub mod table;
pub mod tomogram_index;
