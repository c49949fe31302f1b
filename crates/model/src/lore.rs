//! Knowledge beside a message's own bytes, without which they say little: a schema, what was agreed on
//! before.

use std::{any::Any, fmt, sync::Arc};

/// One value of any type, shared. Whoever made it knows the type; everybody else hands it on.
#[derive(Clone, Default)]
pub struct Lore(Option<Arc<dyn Any + Send + Sync>>);

// === impl Lore ===

impl Lore {
    /// What is known.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Some(Arc::new(value)))
    }

    /// The value, if it is one of this type.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Lore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_none() { "nothing" } else { "lore" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_type_gets_the_value() {
        let lore = Lore::new(7_u32);
        assert_eq!((lore.get::<u32>(), lore.get::<u64>()), (Some(&7), None));
        assert!(Lore::default().is_none() && Lore::default().get::<u32>().is_none());
    }
}
