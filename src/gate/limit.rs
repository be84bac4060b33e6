//! gate::limit, to be written.
