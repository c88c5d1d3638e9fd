//! What the measurements share: the cluster, the shipped program run beside it as user `peer`, the receiver of its alerts.
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::tools::{Running, Tools};
use crate::chaos::{api, api::Api, wait};
use crate::cluster::choose::Target;
use crate::cluster::packages;
use crate::cluster::session::Session;
use crate::cluster::state::write;
use crate::cluster::up::Options;
use crate::image::{self, Image};
use crate::{exec, ui};

/// The namespace of the measured agent's policy and ledger.
pub(super) const HOME: &str = "podmender-bench";
/// Where the agent serves its metrics while it is measured.
const BIND: &str = "127.0.0.1:18080";

/// The rig; the cluster is ours while it lives.
pub(super) struct Rig {
    pub(super) session: Session,
    pub(super) api: Api,
    pub(super) image: Image,
    pub(super) tools: Tools,
    /// Logs and records of this run.
    pub(super) dir: PathBuf,
    /// The most pods to measure with.
    pub(super) pods: u32,
    /// Where the agent sends its alerts: a free port.
    port: u16,
}

impl Rig {
    /// A fresh local cluster with kwok, the program, the CRDs.
    pub(super) fn set(tools: Tools, options: &super::Options) -> Result<Self> {
        packages::ensure(packages::Purpose::Node)?;
        let image = image::build(&options.profile, None)?;
        let session = Session::open(Some("local"))?;
        ensure!(
            session.target == Target::Local,
            "the numbers come from the local cluster"
        );
        session.down()?;
        session.up(Options { kwok: true })?;
        let dir = session.state.dir.join("bench");
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let rig = Self {
            api: Api::connect(&session.state.kubeconfig())?,
            session,
            image,
            tools,
            dir,
            pods: options.pods,
            port: TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port(),
        };
        let crds = rig.dir.join("crds.yaml");
        write(
            &crds,
            &exec::output(exec::command(&rig.image.program).arg("crd"))?,
        )?;
        rig.kubectl(&["apply", "--server-side", "-f", &crds.display().to_string()])?;
        rig.namespace(HOME)?;
        Ok(rig)
    }

    pub(super) fn kubectl(&self, args: &[&str]) -> Result<String> {
        crate::cluster::kubectl::run(&self.session.state, args)
    }

    pub(super) fn namespace(&self, name: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.api.apply(&object).map(drop)
    }

    /// Takes the shared load tool's pods away, and waits until their namespace is gone.
    pub(super) fn clear_load(&self) -> Result<()> {
        self.tool("kwokload.py", &["clear"])?;
        let path = api::path("v1", "Namespace", None) + "/" + super::footprint::NAMESPACE;
        wait::until("the load's namespace is gone", 60, || {
            ensure!(self.api.find(&path)?.is_none(), "it is still there");
            Ok(())
        })
    }

    /// Runs one of the shared tools to its end.
    pub(super) fn tool(&self, tool: &str, args: &[&str]) -> Result<String> {
        self.tools.run(&self.session.state.kubeconfig(), tool, args)
    }

    /// Starts one of the shared tools.
    pub(super) fn start(&self, tool: &str, args: &[&str]) -> Result<Running> {
        self.tools
            .start(&self.session.state.kubeconfig(), tool, args)
    }

    /// A new, empty file of this run.
    pub(super) fn file(&self, name: &str) -> Result<String> {
        let path = self.dir.join(name);
        write(&path, "")?;
        Ok(path.display().to_string())
    }

    /// A receiver of alerts that writes what comes to `log`.
    pub(super) fn receiver(&self, log: &str, more: &[&str]) -> Result<Running> {
        let port = self.port.to_string();
        let mut args = vec![log, "--port", &port];
        args.extend(more);
        let running = self.start("recv.py", &args)?;
        wait::until("the receiver listens", 10, || {
            TcpStream::connect(("127.0.0.1", self.port)).context("not yet")
        })?;
        Ok(running)
    }

    /// The policy under which a namespace is measured.
    pub(super) fn policy(&self, namespace: &str, fields: Value) -> Result<()> {
        let mut policy = json!({
            "apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy",
            "metadata": {"name": "bench", "namespace": HOME},
            "spec": {
                "scope": {"namespaces": [namespace]},
                "alerting": {"channels": [{"type": "webhook", "url": format!("http://127.0.0.1:{}/podmender", self.port)}]},
            },
        });
        crate::chaos::objects::merge(&mut policy, json!({"spec": fields}));
        let path = api::path_of(&policy).context("a policy without a name")?;
        self.api.delete(&path)?;
        self.api.apply(&policy).map(drop)
    }

    /// Forgets what an earlier agent knew.
    pub(super) fn forget(&self, namespace: &str) -> Result<()> {
        self.kubectl(&["delete", "incidents.podmender.io", "--all", "-n", namespace])?;
        self.kubectl(&["delete", "ledgers.podmender.io", "--all", "-n", HOME])?;
        Ok(())
    }

    /// Starts the shipped program under `measure.py`, for `seconds` or until it is finished.
    pub(super) fn agent(&self, name: &str, namespace: &str, seconds: u32) -> Result<Agent> {
        let none = Extras {
            secrets: "/nonexistent".to_owned(),
            env: vec!["PODMENDER_SLACK_INTERACTIONS=off".to_owned()],
        };
        self.agent_with(name, namespace, seconds, &none)
    }

    /// The same with Secrets and more environment.
    pub(super) fn agent_with(
        &self,
        name: &str,
        namespace: &str,
        seconds: u32,
        extras: &Extras,
    ) -> Result<Agent> {
        ensure!(
            TcpStream::connect(BIND).is_err(),
            "something listens on {BIND} already: an agent of an earlier run?"
        );
        let log = self.dir.join(format!("{name}.agent.log"));
        let state = &self.session.state;
        let text = |path: &Path| path.display().to_string();
        let (out, audit, agent_log) = (
            text(&self.dir.join("results.jsonl")),
            text(&state.audit_log()),
            text(&log),
        );
        let (kubeconfig, program) = (
            format!("KUBECONFIG={}", text(&state.peer_kubeconfig())),
            text(&self.image.program),
        );
        let seconds = seconds.to_string();
        let mut args = vec![
            name,
            &seconds,
            "--resource",
            "pods,events",
            "--ua",
            "podmender",
            "--out",
            &out,
            "--audit",
            &audit,
            "--log",
            &agent_log,
            "--env",
            &kubeconfig,
            "--env",
            "PODMENDER_CONTEXT=",
        ];
        args.extend(extras.env.iter().flat_map(|e| ["--env", e.as_str()]));
        args.extend([
            "--",
            &program,
            "--log",
            "info,podmender::watch::follow=debug",
            "--log-format",
            "json",
            "run",
            "--own-namespace",
            HOME,
            "--namespaces",
            namespace,
            "--bind",
            BIND,
            "--secrets-dir",
            &extras.secrets,
        ]);
        let mut command = self.tools.command(&state.kubeconfig(), "measure.py", &args);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start measure.py")?;
        Ok(Agent {
            child: Some(child),
            log,
        })
    }

    /// The resident memory of the measured agent now, in MiB.
    pub(super) fn resident(&self) -> Option<f64> {
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let is_it = |p: &fs::DirEntry| {
            let program = fs::read_link(p.path().join("exe")).ok();
            let line = fs::read_to_string(p.path().join("cmdline")).unwrap_or_default();
            program.is_some_and(|exe| exe == self.image.program) && line.contains(HOME)
        };
        let agent = processes.into_iter().find(is_it)?;
        let status = fs::read_to_string(agent.path().join("status")).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024.0)
    }
}

/// What an agent is given beside the usual.
pub(super) struct Extras {
    /// Its folder of Secrets.
    pub(super) secrets: String,
    /// `NAME=VALUE`.
    pub(super) env: Vec<String>,
}

/// An agent that is being measured.
pub(super) struct Agent {
    child: Option<Child>,
    /// Its log.
    pub(super) log: PathBuf,
}

impl Agent {
    /// Waits until it follows its policy with every watch in sync.
    pub(super) fn ready(&self, seconds: u64) -> Result<()> {
        wait::until("the agent is ready", seconds, || {
            ensure!(
                get("/readyz").is_ok_and(|a| a.starts_with("HTTP/1.1 200")),
                "not ready"
            );
            let log = fs::read_to_string(&self.log)?;
            ensure!(log.contains("\"listed\""), "nothing is listed yet");
            Ok(())
        })
    }

    /// Lines of its log as JSON.
    pub(super) fn lines(&self) -> Result<Vec<Value>> {
        let log = fs::read_to_string(&self.log)?;
        Ok(log
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect())
    }

    /// Waits until `measure.py` ends by itself.
    pub(super) fn result(mut self) -> Result<Value> {
        self.collect()
    }

    /// Ends the measurement now.
    pub(super) fn finish(mut self) -> Result<Value> {
        self.end();
        self.collect()
    }

    fn end(&self) {
        let pid = self
            .child
            .as_ref()
            .and_then(|c| Pid::from_raw(i32::try_from(c.id()).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn collect(&mut self) -> Result<Value> {
        let child = self.child.take().context("it has ended already")?;
        let out = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&out.stdout);
        serde_json::from_str(text.trim()).with_context(|| format!("measure.py said {text:?}"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // measure.py ends the agent before itself.
        self.end();
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

/// A plain GET from the agent.
pub(super) fn get(path: &str) -> Result<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(BIND)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {BIND}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The machine's load over the last minute.
pub(super) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Waits a while for a quiet machine: others' work would be measured too.
pub(super) fn quiet() {
    let busy = || load().parse::<f64>().is_ok_and(|l| l > 1.0);
    if !busy() {
        return;
    }
    ui::say(format!(
        "the machine is busy (load {}): waiting for up to 5 s",
        load()
    ));
    let deadline = Instant::now() + Duration::from_secs(5);
    while busy() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Seconds since 1970, as the tools write them.
#[expect(
    clippy::disallowed_methods,
    reason = "joined with the tools' times, which are this machine's"
)]
pub(super) fn epoch() -> f64 {
    seconds(jiff::Timestamp::now())
}

/// A time as the tools write it.
pub(super) fn seconds(at: jiff::Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}
