//! Asking the caller whether to go on.

use crate::Error;

/// The caller's say in how long one picture may take. It is asked between the segments of a JPEG, and about every
/// 64 KiB of a PNG's data: what lies between two questions takes far less than a tenth of a second.
#[derive(Clone, Copy)]
pub(crate) struct Permission<'a>(&'a dyn Fn() -> bool);

impl<'a> Permission<'a> {
    pub(crate) fn of(keep_going: &'a dyn Fn() -> bool) -> Self {
        Self(keep_going)
    }

    /// For what is over soon.
    pub(crate) fn given() -> Self {
        Self(&|| true)
    }

    pub(crate) fn ask(self) -> Result<(), Error> {
        if (self.0)() { Ok(()) } else { Err(Error::Stopped) }
    }
}
