//! Damage to nothing but the entropy-coded data of baseline JPEGs, whose block means and whose verdict have to be those
//! of a plain reader.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::fixtures::drawing::{Content, Drawing, Tables};
use crate::fixtures::walk::{check, data_start};

const TABLES: [Tables; 5] = [Tables::Luma, Tables::Typical, Tables::Short, Tables::Even, Tables::Long];
const SAMPLINGS: [&[(u8, u8, u8)]; 6] = [
    &[(1, 1, 1)],
    &[(1, 1, 1), (2, 1, 1), (3, 1, 1)],
    &[(1, 2, 2), (2, 1, 1), (3, 1, 1)],
    &[(1, 2, 1), (2, 1, 1), (3, 1, 1)],
    &[(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)],
    &[(1, 3, 2), (2, 1, 1), (3, 2, 1)],
];
const INTERVALS: [u16; 6] = [0, 0, 1, 7, 40, 333];

/// Which picture: four bytes of which each chooses one thing. Then the edits.
const CHOICE: usize = 4;
/// Each is a place in two bytes, what to do, and with what.
const EDIT: usize = 4;

/// A file and the drawing it is of.
type Written = Rc<(Drawing, Vec<u8>)>;

thread_local! {
    /// Writing takes longer than reading.
    static WRITTEN: RefCell<HashMap<[usize; CHOICE], Written>> = RefCell::default();
}

/// Makes a file of the fuzzer's bytes, and checks it.
pub fn attempt(bytes: &[u8]) {
    let Some((choice, edits)) = bytes.split_first_chunk::<CHOICE>() else { return };
    let lengths = [Content::ALL.len(), TABLES.len(), SAMPLINGS.len(), INTERVALS.len()];
    let choice: [usize; CHOICE] = std::array::from_fn(|i| usize::from(choice[i]) % lengths[i]);
    let written = WRITTEN.with_borrow_mut(|all| all.entry(choice).or_insert_with(|| Rc::new(written(choice))).clone());
    let (drawing, file) = &*written;
    let start = data_start(file);
    let mut data = file[start..file.len() - 2].to_vec();
    for edit in edits.as_chunks::<EDIT>().0.iter().take(8) {
        change(&mut data, *edit);
    }
    check(&[&file[..start], &data, &file[file.len() - 2..]].concat(), drawing, "edited");
}

fn written([content, tables, sampling, interval]: [usize; CHOICE]) -> (Drawing, Vec<u8>) {
    let drawing = Drawing {
        content: Content::ALL[content].clone(),
        tables: TABLES[tables],
        restart_interval: INTERVALS[interval],
        ..Drawing::new(410, 300, SAMPLINGS[sampling])
    };
    let file = drawing.write();
    (drawing, file)
}

fn change(data: &mut Vec<u8>, [high, low, how, with]: [u8; EDIT]) {
    // Places near the end are as easy to name as those near the start.
    let at = usize::from(u16::from_be_bytes([high, low])) * data.len() >> 16;
    let end = (at + usize::from(with)).min(data.len());
    match how % 5 {
        0 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= with),
        1 => drop(data.drain(at..end)),
        2 => drop(data.splice(at..at, data[at..end].to_vec())),
        3 => data.insert(at, with),
        _ => data[at..end].fill(0xFF),
    }
}

/// An input for each picture, with one edit or none.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let choices = (0..30_u8).map(|i| [i, i, i / 2, i / 3]);
    let edits = [&[][..], &[0x80, 0, 0, 0x10], &[0x40, 0, 1, 0x20], &[0xc0, 0, 2, 2]];
    choices.zip(edits.iter().cycle()).map(|(choice, edit)| [&choice[..], edit].concat()).collect()
}
