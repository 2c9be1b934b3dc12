//! Huffman tables (T.81 Annex C, F.2.2.3), each built in the form its use needs.

mod dc;
mod spec;
mod stride;
mod symbol;

pub(super) use dc::{DcTable, DcValues};
pub(super) use spec::HuffmanSpec;
pub(super) use stride::{BlockCodes, StrideTable};
pub(super) use symbol::SymbolTable;
