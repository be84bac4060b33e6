//! Reading text a person wrote: sources, places in them, faults, and a walker over TOML tables. And
//! where lines end in bytes that no person wrote.

mod digest;
pub mod excerpt;
pub mod fault;
pub mod feed;
pub mod source;
pub mod span;
pub mod table;
pub mod value;
pub mod wording;
