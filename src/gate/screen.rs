//! gate::screen, to be written.
