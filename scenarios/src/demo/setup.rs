//! Everything before the first fault: cluster, shop, image, charts.
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::model::Model;
use super::{Options, namespace, secrets, shop, step};
use crate::chaos::agent::charts;
use crate::chaos::alerts::Receiver;
use crate::chaos::api::{self, Api};
use crate::chaos::wait;
use crate::cluster::choose::Target;
use crate::cluster::session::Session;
use crate::cluster::state::{HOST_ADDRESS, write};
use crate::cluster::{images, kind, kubectl, packages, tools, up};
use crate::image::{self, Image};
use crate::slack::Slack;
use crate::{exec, ui};

/// What the demo runs on; the cluster is ours while it lives.
pub(super) struct Setup {
    /// The cluster.
    pub(super) session: Session,
    /// Its API server.
    pub(super) api: Api,
    /// What people are told.
    pub(super) alerts: Receiver,
    /// Where the agent asks, with its page.
    pub(super) slack: Slack,
    /// Who explains.
    pub(super) model: Model,
    /// The agent's image.
    pub(super) image: Image,
    helm: PathBuf,
}

impl Setup {
    /// Brings all of it up, the shop first, so that it runs while the rest is prepared.
    pub(super) fn prepare(options: &Options<'_>, began: Instant) -> Result<Self> {
        // Compiling may take minutes: nobody needs to wait for the cluster meanwhile.
        packages::ensure(packages::Purpose::Node)?;
        let image = image::build(options.profile, None)?;
        let session = Session::open(options.context)?;
        if let Target::Context(name) = &session.target {
            bail!(
                "the demo breaks things on purpose: it runs on a local or a kind cluster, not on {name}"
            );
        }
        let helm = tools::CHART.ensure_only(&["helm"])?.join("helm");
        session.up(up::Options::default())?;
        let api = Api::connect(&session.state.kubeconfig())?;
        forget_earlier(&api)?;
        api.apply(&namespace(shop::NAMESPACE))?;
        if session.target == Target::Kind {
            for archive in images::base_images()? {
                session.load(&archive)?;
            }
        }
        for object in shop::healthy() {
            api.apply(&object)?;
        }
        ui::say(format!(
            "a shop is deployed: db, cart, search, mail, orders in namespace {}",
            shop::NAMESPACE
        ));
        step("the image is on the node", || session.load(&image.archive))?;
        let here = reachable(&session)?;
        let setup = Self {
            alerts: Receiver::start_at(&here)?,
            slack: stand_in(&here)?,
            model: Model::start(&here, options.model.as_ref())?,
            session,
            api,
            image,
            helm,
        };
        ui::say(setup.model.said());
        setup.install()?;
        ui::say(format!(
            "ready after {:.0} s",
            began.elapsed().as_secs_f64()
        ));
        Ok(setup)
    }

    fn install(&self) -> Result<()> {
        self.api.apply(&namespace(shop::HOME))?;
        self.api.apply(&secrets(&self.alerts.url, &self.model))?;
        step("helm install podmender-crds", || {
            self.helm(&["podmender-crds"], &[])
        })?;
        let file = self.session.state.dir.join("demo.values.json");
        write(
            &file,
            &shop::values(&self.image.reference, &self.slack.api(), &self.model.spec())?
                .to_string(),
        )?;
        let file = file.display().to_string();
        step("helm install podmender, and the agent is Ready", || {
            self.helm(&["podmender"], &["--values", &file])?;
            wait::eventually("the agent is Ready", || self.is_ready())
        })
    }

    fn is_ready(&self) -> Result<()> {
        let path = api::path("apps/v1", "Deployment", Some(shop::HOME)) + "/podmender";
        let ready = self.api.get(&path)?;
        let ready = ready
            .pointer("/status/readyReplicas")
            .and_then(Value::as_u64);
        ensure!(ready == Some(1), "it is not Ready");
        let path = api::path("podmender.io/v1alpha1", "AgentPolicy", Some(shop::HOME))
            + "/"
            + shop::NAMESPACE;
        let policy = self.api.get(&path)?;
        let seen = policy.pointer("/status/observedGeneration");
        ensure!(seen.is_some(), "it has not read its policy");
        Ok(())
    }

    fn helm(&self, chart: &[&str; 1], more: &[&str]) -> Result<()> {
        let [chart] = chart;
        let mut command: Command = exec::command(&self.helm);
        command
            .arg("--kubeconfig")
            .arg(self.session.state.kubeconfig())
            .args(["upgrade", "--install", chart])
            .arg(charts().join(chart))
            .args(["--namespace", shop::HOME])
            .args(more);
        exec::output(&mut command).map(drop)
    }

    /// kubectl on this cluster.
    pub(super) fn kubectl(&self, args: &[&str]) -> Result<String> {
        kubectl::run(&self.session.state, args)
    }

    /// The agent's own program on this cluster, without colour.
    pub(super) fn podmender(&self, args: &[&str]) -> Result<String> {
        let mut command = exec::command(&self.image.program);
        self.session.share(command.args(args));
        exec::output(&mut command)
    }
}

/// An earlier demo's budget and incidents would be in the way: they are real, and the agent remembers them.
fn forget_earlier(api: &Api) -> Result<()> {
    let namespaces = api::path("v1", "Namespace", None);
    let definitions = api::path("apiextensions.k8s.io/v1", "CustomResourceDefinition", None);
    let mut paths = [shop::NAMESPACE, shop::HOME]
        .map(|name| format!("{namespaces}/{name}"))
        .to_vec();
    for kind in ["incidents", "ledgers", "approvals", "agentpolicies"] {
        paths.push(format!("{definitions}/{kind}.podmender.io"));
    }
    let mut earlier = Vec::new();
    for path in paths {
        if api.find(&path)?.is_some() {
            api.delete(&path)?;
            earlier.push(path);
        }
    }
    if earlier.is_empty() {
        return Ok(());
    }
    ui::say("an earlier shop or agent is there: it is removed first");
    wait::eventually("the earlier shop is gone", || {
        for path in &earlier {
            ensure!(api.find(path)?.is_none(), "{path} is still there");
        }
        Ok(())
    })
}

/// Where pods reach this machine.
fn reachable(session: &Session) -> Result<String> {
    match session.target {
        Target::Kind => kind::host_address().context("where pods reach this machine"),
        Target::Local | Target::Context(_) => Ok(HOST_ADDRESS.to_owned()),
    }
}

/// A port that a person can remember, if it is free.
fn stand_in(address: &str) -> Result<Slack> {
    let channels = [shop::CHANNEL];
    Slack::start(&format!("{address}:8090"), &channels)
        .or_else(|_| Slack::start(&format!("{address}:0"), &channels))
}
