//! Signed proofs: of a place (queue token) and of admission (admission token), and the keys
//! behind them.
//!
//! Every token is bound to its room and to the issuer (`[keys] issuer`), and each kind has keys
//! of its own, so none can stand in for another.

pub mod admission;
pub mod assertion;
#[cfg(test)]
mod attacks;
pub mod chance;
pub mod code;
pub mod crew;
pub mod duty;
pub mod identity;
pub mod inspect;
pub mod keyfile;
pub mod keyring;
pub mod queue;
pub mod refused;
pub mod secret;

pub use admission::{Admission, SigningFailed};
pub use duty::{Duty, KeyLine};
pub use inspect::KeyFault;
pub use keyfile::{AdmissionAlgorithm, KeyFile, Kid, Purpose};
pub use keyring::{Keyring, SharedKeyring};
pub use queue::QueueToken;
pub use refused::TokenRefused;
