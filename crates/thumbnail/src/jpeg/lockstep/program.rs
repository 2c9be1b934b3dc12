//! What lanes go by: which kinds of blocks come in which order, and the tables to walk over them.

use crate::jpeg::entropy::{Bits, Window};
use crate::jpeg::huffman::{BlockCodes, HuffmanSpec, StrideTable};

/// The most blocks a lane walks over at a time.
pub(super) const MOST_BLOCKS: usize = 4096;

/// Entries of a table, and of a pair of them.
const TABLE: usize = size_of::<StrideTable>() / size_of::<u16>();
const PAIR: usize = 2 * TABLE;

/// The blocks of an MCU in their order, with the tables to walk over them.
pub(in crate::jpeg) struct Program {
    /// The tables of each kind of block: that of its first step, and that of its later ones.
    entries: [u16; 4 * PAIR],
    /// For each block of a walk its turn: MCU after MCU.
    turns: [Turn; MOST_BLOCKS],
    kinds: Vec<BlockCodes>,
    /// The kinds of an MCU's blocks, as far as they do not repeat.
    order: Vec<usize>,
}

/// A block's tables by their places, in one word: in the low half that of its later steps, in the high half that of the
/// next block's first step. Two loads, of which one is needed, would be turned into one of which the address is waited for.
#[derive(Clone, Copy)]
pub(super) struct Turn(u32);

impl Turn {
    #[inline(always)]
    pub(super) fn later(self) -> u32 {
        self.0 & 0xFFFF
    }

    #[inline(always)]
    pub(super) fn next(self) -> u32 {
        self.0 >> 16
    }
}

/// The DC and the AC codes of a kind of block.
type Codes<'a> = (&'a HuffmanSpec, Option<&'a HuffmanSpec>);

impl Program {
    /// For the blocks of an MCU in their order, of at most four kinds. `None` if a DC symbol is no category.
    pub(in crate::jpeg) fn new(blocks: &[Codes]) -> Option<Box<Self>> {
        let (kinds, order) = distinct(blocks);
        let mut entries = [0; 4 * PAIR];
        let mut codes = Vec::with_capacity(kinds.len());
        for (place, (dc, ac)) in entries.as_chunks_mut::<PAIR>().0.iter_mut().zip(kinds) {
            let (of_kind, [first, later]) = BlockCodes::new(dc, ac)?;
            codes.push(of_kind);
            place[..TABLE].copy_from_slice(&*first);
            place[TABLE..].copy_from_slice(&*later);
        }
        let place = |block: usize| (order[block % order.len()] * PAIR) as u32;
        let turn = |block: usize| Turn(place(block) | TABLE as u32 | place(block + 1) << 16);
        Some(Box::new(Self { entries, turns: std::array::from_fn(turn), kinds: codes, order }))
    }

    /// The entry that a table has for twelve bits.
    #[inline(always)]
    pub(super) fn entry(&self, table: u32, shown: u32) -> u32 {
        u32::from(self.entries[(table | shown) as usize % (4 * PAIR)])
    }

    /// The entry of the one symbol at a bit of the window, also if its code is longer than a table shows.
    #[cold]
    #[inline(never)]
    pub(super) fn single(&self, table: u32, window: &Window, bit: u32) -> u32 {
        let is_later = table as usize % PAIR == TABLE;
        let kind = self.kinds.get(table as usize / PAIR).filter(|_| is_later);
        // An entry that makes too much progress is none.
        u32::from(kind.map_or(u16::MAX, |codes| codes.single(Bits::at(window, bit).peek(16))))
    }

    /// Whether blocks end with their first step: in scans of DC coefficients alone.
    pub(super) fn ends_at_once(&self) -> bool {
        self.kinds.iter().all(BlockCodes::is_dc_alone)
    }

    #[inline(always)]
    pub(super) fn turn(&self, block: usize) -> Turn {
        self.turns[block % MOST_BLOCKS]
    }

    /// The codes of a block of a walk.
    pub(super) fn codes(&self, block: usize) -> &BlockCodes {
        &self.kinds[self.order[block % self.order.len()]]
    }

    /// Whether from these blocks of two walks on the same kinds of blocks come.
    pub(super) fn is_same_turn(&self, one: usize, other: usize) -> bool {
        one % self.order.len() == other % self.order.len()
    }

    /// Where the table of a walk's first step is.
    pub(super) fn first_table(&self) -> u32 {
        (self.order[0] * PAIR) as u32
    }
}

/// Each kind once, and the order of the blocks by kind, without its repetitions: blocks of the same codes are of one kind.
fn distinct<'a>(blocks: &[Codes<'a>]) -> (Vec<Codes<'a>>, Vec<usize>) {
    let mut kinds: Vec<Codes> = Vec::with_capacity(4);
    let mut order = Vec::with_capacity(blocks.len());
    for block in blocks {
        order.push(kinds.iter().position(|kind| kind == block).unwrap_or(kinds.len()));
        if order.last() == Some(&kinds.len()) {
            kinds.push(*block);
        }
    }
    let repeats =
        |period: &usize| order.iter().zip(order.iter().cycle().skip(*period)).all(|(one, other)| one == other);
    let period = (1..order.len()).filter(|period| order.len().is_multiple_of(*period)).find(repeats);
    order.truncate(period.unwrap_or(order.len()));
    (kinds, order)
}
