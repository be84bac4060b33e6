//! gate::admit, to be written.
