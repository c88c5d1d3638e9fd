//! Who explains failures in the demo: the stand-in on this machine, or an endpoint that the user names.
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::llm::Llm;

/// The key's name in the agent's Secret.
const KEY: &str = "LLM_API_KEY";
/// Five incidents in a minute, each with a question of its own, and some to spare.
const PER_MINUTE: u32 = 30;

/// What the user named.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its base address; `None`: OpenAI's own.
    pub url: Option<String>,
    /// The model.
    pub model: String,
    /// A file with its key; `None`: it needs none.
    pub key_file: Option<PathBuf>,
}

/// The model at work; a stand-in ends with the process.
pub(super) enum Model {
    StandIn(Llm),
    Named(Endpoint, Option<String>),
}

impl Model {
    /// Starts the stand-in at an address that pods reach, unless there is an endpoint.
    pub(super) fn start(address: &str, named: Option<&Endpoint>) -> Result<Self> {
        let Some(endpoint) = named else {
            let llm = Llm::start(&format!("{address}:8091"));
            let llm = llm.or_else(|_| Llm::start(&format!("{address}:0")))?;
            return Ok(Self::StandIn(llm));
        };
        let key = match &endpoint.key_file {
            None => None,
            Some(file) => {
                let key = fs::read_to_string(file);
                let key = key.with_context(|| format!("cannot read {}", file.display()))?;
                ensure!(!key.trim().is_empty(), "{} is empty", file.display());
                Some(key.trim().to_owned())
            }
        };
        Ok(Self::Named(endpoint.clone(), key))
    }

    /// `spec.summary` of the policy.
    pub(super) fn spec(&self) -> Value {
        let mut spec =
            json!({"enabled": true, "perMinute": PER_MINUTE, "allowPrivateAddress": true});
        let (model, url) = match self {
            Self::StandIn(llm) => ("stand-in", Some(llm.base())),
            Self::Named(endpoint, key) => {
                if key.is_some() {
                    spec["apiKey"] = format!("${{{KEY}}}").into();
                }
                (endpoint.model.as_str(), endpoint.url.clone())
            }
        };
        spec["model"] = model.into();
        spec["baseUrl"] = url.unwrap_or_default().into();
        spec
    }

    /// Its part of the agent's Secret.
    pub(super) fn secret(&self) -> Value {
        match self {
            Self::Named(_, Some(key)) => json!({KEY: key}),
            Self::StandIn(_) | Self::Named(_, None) => json!({}),
        }
    }

    /// For a person.
    pub(super) fn said(&self) -> String {
        match self {
            Self::StandIn(llm) => {
                format!("explanations: by a stand-in for a model at {}", llm.base())
            }
            Self::Named(endpoint, _) => format!("explanations: by the model {}", endpoint.model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Model};

    #[test]
    fn a_named_endpoint_is_asked_with_its_key_which_stays_in_the_secret() {
        let dir = std::env::temp_dir().join(format!("podmender-demo-key-{}", std::process::id()));
        std::fs::write(&dir, "sk-1\n").unwrap();
        let endpoint = Endpoint {
            url: Some("http://10.0.0.7:11434/v1".into()),
            model: "small".into(),
            key_file: Some(dir),
        };
        let model = Model::start("127.0.0.1", Some(&endpoint)).unwrap();
        let spec = model.spec();
        assert_eq!(spec["baseUrl"], "http://10.0.0.7:11434/v1");
        assert_eq!(spec["apiKey"], "${LLM_API_KEY}");
        assert_eq!(model.secret()["LLM_API_KEY"], "sk-1");
        assert!(!spec.to_string().contains("sk-1"));
        let stand_in = Model::start("127.0.0.1", None).unwrap();
        assert_eq!(stand_in.spec()["model"], "stand-in");
        assert_eq!(stand_in.secret(), serde_json::json!({}));
    }
}
