//! text::table, to be written.
