//! Composition, reload and drain.
