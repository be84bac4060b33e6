//! cli::keys, to be written.
