//! The policies directory, from texts to a checked configuration or every fault in it.
