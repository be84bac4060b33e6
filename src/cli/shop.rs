//! cli::shop, to be written.
