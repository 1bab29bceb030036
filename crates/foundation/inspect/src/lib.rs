//! Says what any file of the field is and holds, with its doubts.
