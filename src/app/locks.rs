//! One lock per key, so that puts of one key follow each other within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The keys that are locked or waited for; others take no memory.
#[derive(Debug, Default)]
pub(super) struct KeyLocks(Mutex<HashMap<String, Arc<AsyncMutex<()>>>>);

/// Holds a key until it is dropped.
#[derive(Debug)]
pub(super) struct KeyGuard<'a> {
    locks: &'a KeyLocks,
    key: String,
    held: OwnedMutexGuard<()>,
}

impl KeyLocks {
    /// Waits until nobody else holds the key.
    pub(super) async fn lock(&self, key: &str) -> KeyGuard<'_> {
        let lock = Arc::clone(self.entries().entry(key.to_owned()).or_default());
        KeyGuard { locks: self, key: key.to_owned(), held: lock.lock_owned().await }
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<AsyncMutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeyGuard<'_> {
    fn drop(&mut self) {
        let mut entries = self.locks.entries();
        // The entry's own reference and this guard's: nobody waits, and nobody can begin to meanwhile.
        if Arc::strong_count(OwnedMutexGuard::mutex(&self.held)) == 2 {
            entries.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_held_by_one_and_forgotten_by_the_last() {
        let locks = KeyLocks::default();
        let first = locks.lock("a").await;
        let other = locks.lock("b").await;
        let mut second = Box::pin(locks.lock("a"));
        assert!(futures_util::poll!(&mut second).is_pending(), "the first still holds it");
        drop(first);
        let second = second.await;
        drop((second, other));
        assert!(locks.entries().is_empty());
    }
}
