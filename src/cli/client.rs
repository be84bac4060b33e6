//! cli::client, to be written.
