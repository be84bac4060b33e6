//! How long a wait will be, from measured releases.
