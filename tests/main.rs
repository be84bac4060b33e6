//! The house as a whole: real gateways, real sockets, and a ticket site that keeps every byte.
//! One binary for everything that needs more than one folder.

#[cfg(test)]
mod absence;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod corpora;
#[cfg(test)]
mod crew;
#[cfg(test)]
mod draws;
#[cfg(test)]
mod events;
#[cfg(test)]
mod exhaustion;
#[cfg(test)]
mod framing;
#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
mod fuzzed;
#[cfg(test)]
mod getting_round;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod interim;
#[cfg(test)]
mod invited;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod line;
#[cfg(test)]
mod losses;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod named;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod page;
#[cfg(test)]
mod pipelines;
#[cfg(test)]
mod proxied;
#[cfg(test)]
mod quiet;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod shared_store;
#[cfg(test)]
mod site;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod stays;
#[cfg(test)]
mod steady;
#[cfg(test)]
mod steering;
#[cfg(test)]
mod store_kills;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod trailers;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod windows;
