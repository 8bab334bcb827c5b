//! A plan against a machine that moves under it.
