//! origin::forward, to be written.
