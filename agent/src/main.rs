//! The `podmender` program.
fn main() {}
