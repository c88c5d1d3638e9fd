//! What all scenarios share: a cluster that nobody else uses, the image, the charts, the receiver of alerts, the audit log.
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::agent::charts;
use super::alerts::Receiver;
use super::api::Api;
use super::deeds::Deeds;
use crate::cluster::choose::Target;
use crate::cluster::session::Session;
use crate::cluster::tools;
use crate::cluster::up::Options;
use crate::image::{self, Image};
use crate::{exec, ui};

/// The stage; the cluster is ours while it lives.
pub struct Stage {
    /// The cluster.
    pub session: Session,
    /// Its API server.
    pub api: Api,
    /// What people were told.
    pub alerts: Receiver,
    /// What agents did.
    pub deeds: Deeds,
    /// The agent's image.
    pub image: Image,
    /// The charts' folder.
    pub charts: PathBuf,
    /// A folder that pods see as `/world`, one sub-folder per namespace, and for values files.
    pub dir: PathBuf,
    helm: PathBuf,
}

/// Which image, and whether a running cluster is taken as it is.
pub struct Setup<'a> {
    /// Cargo profile of the agent.
    pub profile: &'a str,
    /// Keep the cluster that runs.
    pub reuse: bool,
}

impl Stage {
    /// Builds the image, brings up a fresh cluster and installs the CRDs.
    pub fn set(setup: &Setup<'_>) -> Result<Self> {
        // Before the cluster is taken: somebody else may use it for the minutes of compiling.
        let image = image::build(setup.profile, None)?;
        let session = Session::open(Some("local"))?;
        ensure!(
            session.target == Target::Local,
            "scenarios need the local cluster: its audit log is the oracle"
        );
        let helm = tools::CHART.ensure_only(&["helm"])?.join("helm");
        if !setup.reuse {
            session.down()?;
        }
        session.up(Options::default())?;
        session.load(&image.archive)?;
        let dir = session.state.dir.join("scenarios");
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let stage = Self {
            api: Api::connect(&session.state.kubeconfig())?,
            alerts: Receiver::start()?,
            deeds: Deeds::of(session.state.audit_log()),
            charts: charts(),
            session,
            image,
            dir,
            helm,
        };
        let mut crds = stage.helm();
        crds.args(["upgrade", "--install", "podmender-crds"])
            .arg(stage.charts.join("podmender-crds"))
            .args(["--namespace", "podmender", "--create-namespace"]);
        exec::output(&mut crds)?;
        ui::say("the charts' CRDs are installed");
        Ok(stage)
    }

    /// helm with this cluster.
    pub fn helm(&self) -> Command {
        let mut command = exec::command(&self.helm);
        command
            .arg("--kubeconfig")
            .arg(self.session.state.kubeconfig());
        command
    }

    /// The agent's own program, as a person would use it beside kubectl.
    pub fn podmender(&self, args: &[&str]) -> Result<String> {
        let mut command = exec::command(&self.image.program);
        self.session.share(command.args(args));
        exec::output(&mut command)
    }
}
