//! control::api, to be written.
