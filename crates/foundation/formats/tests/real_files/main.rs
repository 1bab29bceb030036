//! Every real file of the formats of this crate parses, agrees with the stated facts, and round-trips.
#![cfg(test)]

#[cfg(test)]
mod geometry;
#[cfg(test)]
mod imod;
#[cfg(test)]
mod mdoc;
#[cfg(test)]
mod shared_data;
#[cfg(test)]
mod star;
#[cfg(test)]
mod tables;
