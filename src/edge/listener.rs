//! edge::listener, to be written.
