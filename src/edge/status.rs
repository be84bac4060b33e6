//! edge::status, to be written.
