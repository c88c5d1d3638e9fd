//! One user of the local cluster at a time: a lock on a file, given back by the kernel when its holder dies.
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};

use anyhow::{Context as _, Result};

use super::state::State;
use crate::{env, ui};

/// Held while the cluster is brought up, taken down or used by tests. Dropping it lets the next one in.
#[derive(Debug)]
pub struct ClusterLock {
    /// `None` when a parent (`cluster run`) already holds it for this process.
    file: Option<File>,
}

impl ClusterLock {
    /// Waits until nobody else holds the cluster, and says so when it has to wait.
    pub fn acquire(state: &State) -> Result<Self> {
        let path = state.lock_file();
        fs::create_dir_all(&state.dir)
            .with_context(|| format!("cannot create {}", state.dir.display()))?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open the lock {}", path.display()))?;
        let holder = || {
            fs::read_to_string(&path)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = holder();
                if env::lock_holder().is_some_and(|ours| ours.to_string() == pid) {
                    return Ok(Self { file: None });
                }
                ui::say(format!(
                    "another run holds the cluster (pid {pid}): waiting"
                ));
                file.lock()
                    .with_context(|| format!("waiting for {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { file: Some(file) })
    }

    /// What a command needs in its environment to use the cluster without asking for the lock again.
    pub fn share(&self, command: &mut std::process::Command) {
        if self.file.is_some() {
            command.env(env::LOCK_HOLDER, std::process::id().to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::{ClusterLock, State};

    #[test]
    fn the_second_waits_until_the_first_lets_go() {
        let dir = std::env::temp_dir().join(format!("podmender-lock-{}", std::process::id()));
        let state = State::at(dir.clone()).unwrap();
        let first = ClusterLock::acquire(&state).unwrap();
        let (tell, told) = mpsc::channel();
        let second = std::thread::spawn(move || {
            let lock = ClusterLock::acquire(&state).unwrap();
            tell.send(()).unwrap();
            drop(lock);
        });
        assert!(
            told.recv_timeout(Duration::from_millis(200)).is_err(),
            "it did not wait"
        );
        drop(first);
        told.recv_timeout(Duration::from_secs(60)).unwrap();
        second.join().unwrap();
        std::fs::remove_dir_all(dir).unwrap();
    }
}
