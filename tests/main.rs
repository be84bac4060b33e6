//! Tests of the whole house: one binary for everything that needs more than one folder.

mod layers;
