//! Physical quantities as types and the only conversions between them.
