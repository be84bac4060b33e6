//! The command line: one file a verb.

pub mod check;
pub mod client;
pub mod demo;
pub mod fans;
pub mod keys;
pub mod policies;
pub mod room;
pub mod run;
pub mod shop;
pub mod token;
