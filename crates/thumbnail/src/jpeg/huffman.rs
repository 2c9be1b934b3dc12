//! Huffman tables (T.81 Annex C, F.2.2.3), each built in the form its use needs.

mod dc;
mod skip;
mod spec;
mod symbol;

pub(super) use dc::DcTable;
pub(super) use skip::SkipTable;
pub(super) use spec::HuffmanSpec;
pub(super) use symbol::SymbolTable;
