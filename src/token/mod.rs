//! Signed proofs: of a place (queue token) and of admission (admission token), and the keys behind them.

pub mod admission;
pub mod keyring;
pub mod queue;
