//! text::fault, to be written.
