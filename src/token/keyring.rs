//! token::keyring, to be written.
