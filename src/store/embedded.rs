//! store::embedded, to be written.
