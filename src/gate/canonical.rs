//! gate::canonical, to be written.
