//! MRC2014 images, stacks and volumes (`.mrc .mrcs .st .ali .preali .rec .map`).
//!
//! Format: Cheng et al. 2015, J. Struct. Biol. 192, 146; IMOD's additions (`imodStamp`, `imodFlags`, mode 101).
//! A file is a 1024-byte header, an extended header of `nsymbt` bytes, then nz·ny·nx samples, x fastest. Row 0
//! is the first row in the file; rows are never flipped here. Lengths in Å.

mod decode;
mod extended;
mod fei;
mod header;
mod header_bytes;
mod mode;
mod reader;
mod slab_writer;
mod spec;
mod statistics;
mod writer;

pub use extended::{ExtendedHeader, SectionMetadata};
pub use header::{AxisOrder, HEADER_BYTES, ImodFields, MrcHeader, MrcKind};
pub use mode::MrcMode;
pub use reader::{Mrc, MrcFile};
pub use slab_writer::MrcSlabWriter;
pub use spec::MrcSpec;
pub use statistics::Statistics;
pub use writer::{MrcWriter, WriteSummary, write_stack, write_volume};

pub(crate) const FORMAT: &str = "MRC";
