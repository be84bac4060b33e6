//! control::auth, to be written.
