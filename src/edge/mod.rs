//! Our side of the visitor's connection: answers, and decides nothing.

pub mod framing;
pub mod guard;
pub mod listener;
pub mod page;
pub mod respond;
pub mod status;
