//! Our side of the visitor's connection: answers, and decides nothing.

pub mod assets;
pub mod framing;
pub mod listener;
pub mod page;
pub mod respond;
pub mod status;
pub mod texts;
pub mod wanted;
mod words;
