//! origin::headers, to be written.
