//! edge::framing, to be written.
