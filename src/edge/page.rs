//! edge::page, to be written.
