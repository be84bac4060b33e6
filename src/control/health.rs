//! control::health, to be written.
