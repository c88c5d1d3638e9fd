//! Who there is in the stand-in's workspace: people by name, with what an agent must tell apart about them.
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

/// The workspace that the app is installed in.
pub const TEAM: &str = "T0SHOP";
/// Another company's workspace, connected by a shared channel.
pub const OTHER_TEAM: &str = "T0OTHER";
/// The app's id.
pub const APP: &str = "A0PODMENDER";
/// The app's own bot user.
pub const BOT_USER: &str = "U0PODMENDER";
/// The user group of those on call.
pub const ON_CALL: &str = "S0ONCALL";

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A full member of the workspace.
    Member,
    /// A guest (`is_restricted`).
    Guest,
    /// A program.
    Bot,
    /// A member of another workspace (Slack Connect).
    External,
}

/// One account.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The user id.
    pub id: String,
    /// The name that others see.
    pub name: String,
    /// The workspace of the account.
    pub team: String,
    /// Its kind.
    pub kind: Kind,
    /// The user groups that it is in.
    pub groups: BTreeSet<String>,
}

impl Person {
    /// An account of that name in its own workspace.
    pub fn new(name: &str, kind: Kind, groups: &[&str]) -> Self {
        let team = if kind == Kind::External {
            OTHER_TEAM
        } else {
            TEAM
        };
        Self {
            id: user_id(name),
            name: name.to_owned(),
            team: team.to_owned(),
            kind,
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        }
    }

    /// As `users.info` describes it.
    pub fn info(&self) -> Value {
        json!({
            "id": self.id, "team_id": self.team, "name": self.name, "real_name": self.name, "deleted": false,
            "is_bot": self.kind == Kind::Bot, "is_app_user": false, "is_restricted": self.kind == Kind::Guest,
            "is_ultra_restricted": false, "is_stranger": self.kind == Kind::External,
            "profile": {"display_name": self.name, "real_name": self.name, "team": self.team},
        })
    }

    /// As an interaction names who made it.
    pub fn brief(&self) -> Value {
        json!({"id": self.id, "username": self.name, "name": self.name, "team_id": self.team})
    }
}

/// The id of the account of that name, in the form of Slack's.
pub fn user_id(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("U0{:0<7}", letters.to_ascii_uppercase())
}

/// The usual cast: two approvers, one of them on call, a colleague who is none, a guest, somebody from elsewhere, a program.
pub fn cast() -> Vec<Person> {
    vec![
        Person::new("ada", Kind::Member, &[]),
        Person::new("ben", Kind::Member, &[ON_CALL]),
        Person::new("carl", Kind::Member, &[]),
        Person::new("gil", Kind::Guest, &[]),
        Person::new("eve", Kind::External, &[]),
        Person::new("robo", Kind::Bot, &[]),
    ]
}
