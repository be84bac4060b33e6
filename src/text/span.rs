//! text::span, to be written.
