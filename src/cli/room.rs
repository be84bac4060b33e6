//! cli::room, to be written.
