//! The local cluster and the chaos scenarios.
fn main() {}
