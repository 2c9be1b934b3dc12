//! What one call may use: memory, counted before it is taken, and time, as long as the caller permits.

use crate::permission::Permission;
use crate::{Error, Measure};

/// What one call may still allocate. Nothing is ever given back, so the sum of what was taken bounds the peak.
pub(crate) struct Budget<'a> {
    limit: u64,
    taken: u64,
    permission: Permission<'a>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limit: u64, permission: Permission<'a>) -> Self {
        Self { limit, taken: 0, permission }
    }

    /// To be asked between pieces of work.
    pub(crate) fn permission(&self) -> Permission<'a> {
        self.permission
    }

    /// Counts memory that a library is about to allocate.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), Error> {
        let taken = self.taken.saturating_add(bytes);
        if taken > self.limit {
            return Err(Error::TooLarge { measure: Measure::MemoryBytes, limit: self.limit, actual: taken });
        }
        self.taken = taken;
        Ok(())
    }

    /// A counted buffer of `len` zeros. Fails instead of aborting when the system has no memory left.
    pub(crate) fn zeros<T: Clone + Default>(&mut self, len: u64) -> Result<Vec<T>, Error> {
        self.take(len.saturating_mul(size_of::<T>() as u64))?;
        let no_memory = || Error::internal(format!("no memory for {len} x {} bytes", size_of::<T>()));
        let len = usize::try_from(len).map_err(|_| no_memory())?;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(len).map_err(|_| no_memory())?;
        buffer.resize(len, T::default());
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test should stop")]

    use super::*;

    #[test]
    fn refuses_before_allocating_and_gives_both_numbers() {
        let mut budget = Budget::new(1000, Permission::given());
        assert_eq!(budget.zeros::<u32>(200).unwrap().len(), 200);
        let refusal = Error::TooLarge { measure: Measure::MemoryBytes, limit: 1000, actual: 1001 };
        assert_eq!(budget.zeros::<u8>(201).unwrap_err(), refusal);
        assert_eq!(budget.zeros::<u8>(200).unwrap().len(), 200, "a refusal takes nothing");
        assert!(matches!(budget.zeros::<u64>(u64::MAX), Err(Error::TooLarge { actual: u64::MAX, .. })));
    }
}
