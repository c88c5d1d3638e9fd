//! Proves that the cluster can be killed at any moment and leaves nothing behind.
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::session::Session;
use super::state::{BUSYBOX_IMAGE, State};
use super::up::{self, Options};
use super::{cleanup, kubectl, process};
use crate::{exec, ui};

/// When the start is killed, in milliseconds after it began: keys, node, network, etcd, images, API server, kubelet.
const KILLED_AFTER: [u64; 8] = [40, 120, 250, 500, 1000, 1800, 2600, 3400];

/// Kills starts midway, starts again, runs a pod, stops, and compares the machine with what it was.
pub fn run(session: &Session) -> Result<()> {
    let state = &session.state;
    up::programs()?;
    up::down(state)?;
    let before = machine();
    for after in KILLED_AFTER {
        let mut child = start(session)?;
        sleep(Duration::from_millis(after));
        child.kill()?;
        child.wait()?;
        ui::say(format!(
            "killed a start after {after} ms; {} processes were left",
            process::members(state).len()
        ));
    }
    up::up(state, Options::default()).context("after starts that were killed")?;
    let image = format!("--image={BUSYBOX_IMAGE}");
    let pod = [
        "run",
        "selftest",
        &image,
        "--restart=Never",
        "--",
        "sleep",
        "1000",
    ];
    kubectl::run(state, &pod)?;
    kubectl::run(
        state,
        &[
            "wait",
            "--for=condition=Ready",
            "pod/selftest",
            "--timeout=30s",
        ],
    )?;
    // What is left of a cluster of another state folder is not taken for this one.
    let other = State::at(state.dir.with_extension("other"))?;
    fs::create_dir_all(&other.dir)?;
    cleanup::remember(&other)?;
    ensure!(
        up::up(&other, Options::default()).is_err() && up::down(&other).is_err(),
        "a second cluster beside the first"
    );
    fs::remove_dir_all(&other.dir)?;
    // A start that finds only pieces: the API server is gone, its pods are not.
    let server = state
        .components()
        .into_iter()
        .find(|c| c.name == "kube-apiserver")
        .context("no API server")?;
    exec::run("kill", &["-KILL", &server.pid.to_string()])?;
    up::up(state, Options::default()).context("after the API server was killed")?;
    kubectl::run(state, &pod)?;
    kubectl::run(
        state,
        &[
            "wait",
            "--for=condition=Ready",
            "pod/selftest",
            "--timeout=30s",
        ],
    )?;
    up::down(state)?;
    let after = machine();
    let left: Vec<_> = after
        .difference(&before)
        .chain(before.difference(&after))
        .collect();
    ensure!(left.is_empty(), "the machine is not as it was: {left:#?}");
    ensure!(process::members(state).is_empty(), "processes are left");
    ui::say("nothing is left behind");
    Ok(())
}

fn start(session: &Session) -> Result<std::process::Child> {
    let mut child = Command::new(std::env::current_exe()?);
    child
        .args(["cluster", "up"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    session.share(&mut child);
    child.spawn().context("cannot start myself")
}

/// What a cluster could leave: mounts, links, routes, packet rules, network namespaces, control groups, settings, folders, programs.
fn machine() -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut note =
        |what: &str, text: String| facts.extend(text.lines().map(|l| format!("{what}: {l}")));
    note(
        "mount",
        fs::read_to_string("/proc/self/mounts").unwrap_or_default(),
    );
    for args in [["-o", "link"], ["-o", "route"], ["-o", "netns"]] {
        note(args[1], exec::run("ip", &args).unwrap_or_default());
    }
    for program in ["iptables-save", "ip6tables-save"] {
        let rules = exec::run(program, &[]).unwrap_or_default();
        note(
            program,
            rules
                .lines()
                .filter(|l| !l.starts_with(['#', ':']))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    for root in cleanup::cgroup_roots() {
        let pods = root.join("kubepods");
        note(
            "cgroup",
            if pods.exists() {
                pods.display().to_string()
            } else {
                String::new()
            },
        );
    }
    for name in cleanup::KERNEL
        .into_iter()
        .chain(["net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"])
    {
        note(
            name,
            fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default(),
        );
    }
    for folder in ["/run", "/var/lib", "/var/log", "/opt", "/etc/cni"] {
        let names = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path().display().to_string());
        note("folder", names.collect::<Vec<_>>().join("\n"));
    }
    // Other work goes on meanwhile, so only programs of a cluster count; a dead one waits for the machine's init to collect it.
    let programs = [
        "kube",
        "containerd",
        "etcd",
        "coredns",
        "metrics-server",
        "runc",
        "unshare",
    ];
    let running = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = running.filter_map(|e| e.file_name().to_str()?.parse().ok());
    let alive = pids.filter(|pid| process::start_time(*pid).is_some());
    let names = alive.filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    note(
        "program",
        names
            .filter(|n| programs.iter().any(|p| n.starts_with(p)))
            .collect(),
    );
    facts
}
