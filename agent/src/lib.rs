//! Everything that touches the world.

pub mod logs;
pub mod watch;
