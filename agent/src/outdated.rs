//! Definitions in the cluster that are older (or newer) than the agent: what they refuse or silently drop of what it writes.
//!
//! What could not be written down whole is not acted on (row 73): of an incident, its workload; of the ledger, none.

use crate::{
    error::{Error, refused_by_definition},
    store::State,
};
use podmender_policy::{bounds::Message, workload::WorkloadRef};
use std::collections::BTreeMap;

/// What was not taken, by the incident's workload; without one, of the ledger.
#[derive(Default)]
pub struct Outdated(BTreeMap<Option<WorkloadRef>, Message>);

/// Whether what was written is there as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is.
    Whole,
    /// The definition knows less: the API server has dropped the rest.
    Cut,
}

impl Written {
    /// By what was sent and what the API server answered.
    pub fn of<T: PartialEq>(sent: &T, answered: &T) -> Self {
        match sent == answered {
            true => Self::Whole,
            false => Self::Cut,
        }
    }
}

impl Outdated {
    /// Notes how a write of an incident of `of` (or of the ledger) was stored.
    pub fn note(&mut self, of: Option<&WorkloadRef>, stored: Written) {
        match stored {
            Written::Whole => drop(self.0.remove(&of.cloned())),
            Written::Cut => {
                let why = "a field that this agent writes is not in it";
                self.0.insert(of.cloned(), why.into());
            }
        }
    }

    /// Notes a refusal, if it was one by the definition. Gives the error to go on with.
    pub fn refused(&mut self, of: Option<&WorkloadRef>, error: &kube::Error) -> Option<Error> {
        let why = refused_by_definition(error)?;
        self.0.insert(of.cloned(), why);
        self.forbids(of)
    }

    /// Why nothing may be done to `workload`, if nothing may.
    #[must_use]
    pub fn forbids(&self, workload: Option<&WorkloadRef>) -> Option<Error> {
        let kind = |of: &Option<WorkloadRef>| match of {
            Some(_) => "incidents",
            None => "ledgers",
        };
        let mut found = [None, workload.cloned()].into_iter();
        found.find_map(|of| Some(Error::Definition(kind(&of), self.0.get(&of)?.clone())))
    }

    /// What is wrong, for people: one sentence for each definition.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut all: Vec<_> = self
            .0
            .keys()
            .filter_map(|of| Some(format!("{}.", self.forbids(of.as_ref())?)))
            .collect();
        all.dedup();
        all
    }
}

impl State {
    /// Fails if what was written of `workload`'s incident, or of the ledger, is not there as it was written.
    ///
    /// # Errors
    /// [`Error::Definition`].
    pub fn is_written_whole(&self, workload: &WorkloadRef) -> Result<(), Error> {
        self.outdated.forbids(Some(workload)).map_or(Ok(()), Err)
    }
}
