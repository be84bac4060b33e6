//! Our side of the visitor's connection: answers, and decides nothing.

pub mod assets;
pub mod body;
pub mod capacity;
mod code;
mod connection;
pub mod cookies;
pub mod events;
pub mod framing;
pub mod guard;
pub mod listener;
mod moments;
pub mod negotiate;
pub mod notice;
pub mod page;
pub mod proxied;
pub mod respond;
mod samples;
mod scene;
pub mod serve;
pub mod sockets;
pub mod status;
mod steer;
pub mod texts;
pub mod tls;
pub mod tunnel;
pub mod wanted;
pub mod words;
