//! What things are. Pure: no async, no input or output, and only `clock` reads a clock.

pub mod chance;
pub mod clock;
pub mod draw;
pub mod estimate;
pub mod identity;
pub mod invitation;
pub mod lane;
pub mod order;
pub mod pace;
pub mod pattern;
pub mod place;
pub mod poll;
pub mod presence;
pub mod pressure;
pub mod reason;
pub mod room;
pub mod schedule;
pub mod session;
pub mod share;
pub mod skew;
pub mod standing;
pub mod stock;
pub mod tick;
pub mod visitor;
pub mod window;
