//! What the fuzz targets do with their bytes: plain functions, which the tests of the whole house
//! call as well, with every file of `corpus/`.

pub mod reference;
