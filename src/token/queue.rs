//! token::queue, to be written.
