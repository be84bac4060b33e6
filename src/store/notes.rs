//! store::notes, to be written.
