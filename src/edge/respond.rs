//! edge::respond, to be written.
