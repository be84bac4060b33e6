//! cli::check, to be written.
