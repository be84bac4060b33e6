//! gate::permit, to be written.
