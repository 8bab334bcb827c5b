//! How the allocator treats memory that was freed.
//!
//! Does not know who uses it, and is without effect where another allocator is linked.

/// `mi_option_purge_delay` in `mi_option_e` (mimalloc.h, version 3): milliseconds until freed memory goes back to the system.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// From now on freed memory goes back to the system at once. A large graph is read in phases, each of which leaves as much behind as
/// it gives on; kept for the second that is usual, all of that would lie side by side. Where little is read, asking the system again
/// costs more than it saves.
#[expect(unsafe_code, reason = "mimalloc's options have no safe form")]
pub fn give_back_at_once() {
    // SAFETY: sets one number of the allocator's, which takes any.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) }
}

#[cfg(test)]
mod tests {
    use super::{PURGE_DELAY, give_back_at_once};

    #[expect(unsafe_code, reason = "mimalloc's options have no safe form")]
    fn delay() -> i64 {
        // SAFETY: reads one number of the allocator's.
        unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
    }

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // No other option is that by default.
        assert_eq!(delay(), 1000);
        give_back_at_once();
        assert_eq!(delay(), 0);
    }
}
