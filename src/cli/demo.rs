//! cli::demo, to be written.
