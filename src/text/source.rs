//! text::source, to be written.
