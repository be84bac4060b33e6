//! origin::pool, to be written.
