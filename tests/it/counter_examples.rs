//! Scenarios to come.
