//! Bot rules and rate limits as data and pure judgement, and the text they are read from.

pub mod bots;
pub mod expression;
pub mod limits;
pub mod network;
pub mod quota;
pub mod rules;
