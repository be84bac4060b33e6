//! store::survey, to be written.
