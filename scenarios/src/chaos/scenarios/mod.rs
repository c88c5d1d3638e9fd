//! The scenarios, by what goes wrong. Each says what a user would fear, and names its rows of the fault list.
mod crash;

use anyhow::Result;

use super::case::Case;

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name; the namespace is `s-NAME`.
    pub name: &'static str,
    /// What a user would fear.
    pub about: &'static str,
    /// Rows of the fault list that it holds.
    pub faults: &'static [u16],
    /// Whether it needs an agent of its own, because it kills or replaces it.
    pub own_agent: bool,
    /// What happens and what must come of it.
    pub run: fn(&Case<'_>) -> Result<()>,
}

impl Scenario {
    const fn new(
        name: &'static str,
        about: &'static str,
        faults: &'static [u16],
        run: fn(&Case<'_>) -> Result<()>,
    ) -> Self {
        Self {
            name,
            about,
            faults,
            own_agent: false,
            run,
        }
    }

    /// Its namespace.
    pub fn namespace(&self) -> String {
        format!("s-{}", self.name)
    }

    /// The namespace of its own agent.
    pub fn agent_namespace(&self) -> String {
        format!("podmender-{}", self.name)
    }
}

/// All of them, the longest first, so that they end together.
pub fn all() -> Vec<Scenario> {
    [crash::ALL].concat()
}
