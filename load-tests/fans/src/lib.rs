//! Simulated fans who come to a sale behind Anteroom, and a check of how it treated them.
//!
//! Arrivals are an open loop: a fan comes when its time has come, however slow the gateways are,
//! and an answer's time counts from the moment at which its request was due. Each fan is one small
//! task on one thread; [`mind`] decides what it does, [`fan`] moves its bytes, [`journal`] writes
//! down what came of it, [`check`], [`order`] and [`pace`] judge that.

pub mod ask;
pub mod chance;
pub mod check;
pub mod clock;
pub mod curve;
pub mod curves;
pub mod fan;
pub mod histogram;
pub mod jar;
pub mod journal;
pub mod life;
pub mod mind;
pub mod order;
pub mod pace;
pub mod plan;
pub mod promise;
pub mod report;
pub mod run;
pub mod seen;
pub mod shop;
pub mod sockets;
pub mod svg;
pub mod table;
pub mod token;
pub mod watch;
pub mod wire;
