//! Two gateways, each a process of its own, that share one room on one Redis.

mod calls;
mod lanes;
mod losses;
mod memory;
mod orders;
mod overload;
mod pace;
pub mod pair;
mod steering;
