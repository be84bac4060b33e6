//! cli::run, to be written.
