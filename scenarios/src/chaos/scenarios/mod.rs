//! The scenarios, by what goes wrong. Each says what a user would fear, and names its rows of the fault list.
mod calm;
mod consent;
mod containers;
mod crash;
mod killed;
mod memory;
mod owners;
mod people;
mod probes;
mod rollouts;
mod scaled;
mod slack;
mod slack_faults;
mod slack_people;
mod standby;
mod starts;
mod summary;
mod upgraded;
mod volumes;

use anyhow::Result;

use super::agent::Interactions;
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
    /// How that agent hears of answers from Slack.
    pub interactions: Interactions,
    /// Which of several copies that run beside each other; the first is 0.
    pub copy: usize,
    /// Not yet seen green often enough to decide over a change: run by name or with `--all` only.
    pub on_probation: bool,
    /// What happens and what must come of it.
    pub run: fn(&Case<'_>) -> Result<()>,
}

impl Scenario {
    const fn new(
        name: &'static str,
        faults: &'static [u16],
        about: &'static str,
        run: fn(&Case<'_>) -> Result<()>,
    ) -> Self {
        Self {
            name,
            about,
            faults,
            own_agent: false,
            interactions: Interactions::Socket,
            copy: 0,
            on_probation: false,
            run,
        }
    }

    /// With an agent that it may kill.
    const fn alone(mut self) -> Self {
        self.own_agent = true;
        self
    }

    /// With an agent of its own that Slack calls over HTTP.
    const fn over_http(mut self) -> Self {
        self.interactions = Interactions::Http;
        self.alone()
    }

    /// Left out of a run that names no scenarios.
    const fn on_probation(mut self) -> Self {
        self.on_probation = true;
        self
    }

    /// So many of it.
    pub fn copies(self, times: usize) -> impl Iterator<Item = Self> {
        (0..times).map(move |copy| Self { copy, ..self })
    }

    /// Its name, and which copy it is.
    pub fn label(&self) -> String {
        match self.copy {
            0 => self.name.to_owned(),
            copy => format!("{}-{copy}", self.name),
        }
    }

    /// Its namespace.
    pub fn namespace(&self) -> String {
        format!("s-{}", self.label())
    }

    /// The namespace of its own agent.
    pub fn agent_namespace(&self) -> String {
        format!("podmender-{}", self.label())
    }
}

/// All of them, the longest first, so that they end together.
pub fn all() -> Vec<Scenario> {
    [
        memory::ALL,
        scaled::ALL,
        upgraded::ALL,
        killed::ALL,
        slack_faults::ALL,
        slack_people::ALL,
        slack::ALL,
        standby::ALL,
        containers::ALL,
        rollouts::ALL,
        volumes::ALL,
        crash::ALL,
        calm::ALL,
        consent::ALL,
        people::ALL,
        probes::ALL,
        owners::ALL,
        starts::ALL,
        summary::ALL,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn names_are_unique_and_make_namespaces() {
        let names: BTreeSet<_> = all().iter().map(|s| s.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(all().iter().all(|s| s.agent_namespace().len() <= 63));
    }
}
