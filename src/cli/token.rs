//! cli::token, to be written.
