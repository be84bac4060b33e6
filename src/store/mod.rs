//! Where the rooms are kept: one trait, its answers, and the stores behind it.

pub mod embedded;
pub mod notes;
pub mod survey;
