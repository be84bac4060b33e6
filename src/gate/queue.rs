//! gate::queue, to be written.
