//! policy::rules, to be written.
