//! policy::limits, to be written.
