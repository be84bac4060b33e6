//! token::admission, to be written.
