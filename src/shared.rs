//! Values that several owners share, each with an identity of its own.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The identity of a shared value. No other value of the process ever has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedId(u64);

impl SharedId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A shared value. Clones share it and its identity.
#[derive(Debug)]
pub struct Shared<T> {
    id: SharedId,
    value: Arc<T>,
}

impl<T> Shared<T> {
    /// Shares a value under a new identity.
    pub fn new(value: T) -> Self {
        Self { id: SharedId::next(), value: Arc::new(value) }
    }

    /// The identity of the value.
    #[must_use]
    pub fn id(&self) -> SharedId {
        self.id
    }
}

impl<T: Clone> Shared<T> {
    /// Gives access to change the value, under a new identity. Clones keep the value that they share.
    pub fn make_mut(&mut self) -> &mut T {
        self.id = SharedId::next();
        Arc::make_mut(&mut self.value)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { id: self.id, value: Arc::clone(&self.value) }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_value_has_another_identity() {
        let first = Shared::new("a".to_owned());
        let mut second = first.clone();
        assert_eq!(first.id(), second.id());
        second.make_mut().push('b');
        assert_eq!((first.as_str(), second.as_str()), ("a", "ab"));
        let ids = [first.id(), second.id(), Shared::new("a".to_owned()).id()];
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    }
}
