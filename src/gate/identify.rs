//! gate::identify, to be written.
