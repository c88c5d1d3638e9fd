//! Which cluster a run uses: a named context, else kind where a Docker engine answers, else the local one.
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The cluster that a run talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A cluster that somebody else runs; it is never started or stopped here.
    Context(String),
    /// A kind cluster in Docker.
    Kind,
    /// The node of this crate.
    Local,
}

/// What the user asked for wins; without a wish, Docker decides.
pub fn choose(context: Option<&str>, docker: impl FnOnce() -> bool) -> Target {
    match context.map(str::trim).filter(|c| !c.is_empty()) {
        Some("local" | super::state::CONTEXT) => Target::Local,
        Some("kind" | super::kind::CONTEXT) => Target::Kind,
        Some(name) => Target::Context(name.to_owned()),
        None if docker() => Target::Kind,
        None => Target::Local,
    }
}

/// True when a Docker engine answers within two seconds (the client alone says nothing).
pub fn docker_answers() -> bool {
    let mut command = crate::exec::command("docker");
    command
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

#[cfg(test)]
mod tests {
    use super::{Target, choose};

    #[test]
    fn an_explicit_context_wins_over_docker() {
        assert_eq!(
            choose(Some("prod"), || true),
            Target::Context("prod".into())
        );
        assert_eq!(choose(Some("local"), || true), Target::Local);
        assert_eq!(choose(Some("podmender-local"), || true), Target::Local);
        assert_eq!(choose(Some("kind"), || false), Target::Kind);
    }

    #[test]
    fn docker_means_kind_and_nothing_means_local() {
        assert_eq!(choose(None, || true), Target::Kind);
        assert_eq!(choose(None, || false), Target::Local);
        assert_eq!(choose(Some(" "), || false), Target::Local);
    }
}
