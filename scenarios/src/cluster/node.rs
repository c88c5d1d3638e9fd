//! The node as one process tree in namespaces of its own (mounts, network, pids), as a container would be.
//!
//! Its first process (`run`) makes the mounts, starts what it is told over a socket and collects orphans. When that process
//! dies, the kernel ends everything else and takes back mounts, networks and packet rules: nothing can be left behind.
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{WaitOptions, wait};
use serde::{Deserialize, Serialize};

use super::process::{self, Member};
use super::state::{Component, NODE_ADDRESS, State};
use crate::{env, exec};

/// What the node's first process is asked to start.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Names the log.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The search path it gets.
    pub path: String,
}

/// Starts the node's first process and waits until it takes orders.
pub fn start(state: &State) -> Result<Member> {
    let log = File::create(state.logs().join("node.log"))?;
    let exe = std::env::current_exe().context("cannot tell which program this is")?;
    let mut command = exec::command("unshare");
    command
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
        .arg(exe)
        .args(["cluster", "node"]);
    // A clean environment: what the user has set (keys, proxies) is none of the node's business.
    command.env_clear().env("PATH", env::search_path(&[]));
    command
        .env(env::NODE_MARKER, &state.dir)
        .env("PODMENDER_STATE", &state.dir);
    // A group of its own: Ctrl-C in the terminal that started it must not stop it.
    command
        .current_dir("/")
        .process_group(0)
        .stdout(log.try_clone()?)
        .stderr(log);
    let mut child = command
        .spawn()
        .context("cannot start unshare: install util-linux")?;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if UnixStream::connect(state.socket()).is_ok()
            && let Some(init) = process::init(state)
        {
            // Whoever runs long (a test) must not keep a zombie of a node that has been taken down meanwhile.
            std::thread::spawn(move || child.wait());
            return Ok(init);
        }
        let gone = child.try_wait()?.is_some();
        if gone || Instant::now() > deadline {
            let said = fs::read_to_string(state.logs().join("node.log")).unwrap_or_default();
            bail!("the node's first process did not start: {}", said.trim());
        }
        sleep(Duration::from_millis(10));
    }
}

/// Asks the node to start a component and records it.
pub fn spawn(state: &State, order: &Order) -> Result<()> {
    let mut stream = UnixStream::connect(state.socket())
        .context("the node does not answer: run `cluster up`")?;
    writeln!(stream, "{}", serde_json::to_string(order)?)?;
    let mut reply = String::new();
    BufReader::new(&stream).read_line(&mut reply)?;
    let inner: u32 = reply
        .trim()
        .parse()
        .map_err(|_| anyhow::anyhow!("cannot start {}: {}", order.name, reply.trim()))?;
    // A program that has just been started shows its environment, and so the marker, only when it was loaded: from a cold disk
    // that takes a while.
    let deadline = Instant::now() + Duration::from_secs(30);
    let member = loop {
        if let Some(member) = process::members(state)
            .into_iter()
            .find(|m| m.inner == inner)
        {
            break member;
        }
        let log = state.logs().join(format!("{}.log", order.name));
        ensure!(
            Instant::now() < deadline,
            "{} ended at once; its log: {}",
            order.name,
            log.display()
        );
        sleep(Duration::from_millis(5));
    };
    state.record_component(Component {
        name: order.name.clone(),
        pid: member.pid,
        started: member.started,
    })
}

/// A command that will run inside the node's mounts and network.
pub fn enter(state: &State) -> Result<Command> {
    let init = process::init(state).context("the local cluster is not up: run `cluster up`")?;
    let mut command = exec::command("nsenter");
    command.args(["--target", &init.pid.to_string(), "--mount", "--net", "--"]);
    Ok(command)
}

/// The node's first process: never returns unless something is wrong.
pub fn run(state: &State) -> Result<()> {
    ensure!(
        std::process::id() == 1,
        "this command is the inside of `cluster up` and is not for people"
    );
    mounts(state)?;
    network()?;
    let _ = fs::remove_file(state.socket());
    let listener = UnixListener::bind(state.socket()).context("cannot listen for orders")?;
    // Starting and collecting exclude each other, so that a start that fails is seen by the one who tried it.
    let turn = Arc::new(Mutex::new(()));
    let reaper = Arc::clone(&turn);
    std::thread::Builder::new()
        .name("reaper".to_owned())
        .spawn(move || {
            loop {
                {
                    let _turn = reaper.lock().unwrap_or_else(PoisonError::into_inner);
                    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                        crate::ui::say(format!("pid {pid} ended: {status:?}"));
                    }
                }
                sleep(Duration::from_millis(200));
            }
        })?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        let reply = match BufReader::new(&stream).lines().next() {
            Some(Ok(line)) => {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                obey(state, &line).map_or_else(|e| format!("{e:#}"), |pid| pid.to_string())
            }
            _ => continue,
        };
        let _ = writeln!(stream, "{}", reply.replace('\n', " "));
    }
    Ok(())
}

fn obey(state: &State, line: &str) -> Result<u32> {
    let order: Order = serde_json::from_str(line)?;
    let (program, args) = order
        .argv
        .split_first()
        .context("an order without a program")?;
    ensure!(Path::new(program).is_file(), "{program} does not exist");
    let log = File::options()
        .create(true)
        .append(true)
        .open(state.logs().join(format!("{}.log", order.name)))?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env("PATH", &order.path)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let child = command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    crate::ui::say(format!("{} is pid {}", order.name, child.id()));
    Ok(child.id())
}

fn mounts(state: &State) -> Result<()> {
    exec::run("mount", &["-t", "proc", "proc", "/proc"])?;
    // The programs keep their usual paths; what they write there lands in the state folder or in memory.
    for (part, system) in [("lib", "/var/lib"), ("log", "/var/log")] {
        exec::run(
            "mount",
            &[
                "--bind",
                &state.node_root(part).display().to_string(),
                system,
            ],
        )?;
    }
    exec::run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])?;
    fs::create_dir_all("/run/lock")?;
    exec::run("mount", &["--make-rshared", "/"]).map(drop)
}

fn network() -> Result<()> {
    let address = format!("{NODE_ADDRESS}/16");
    exec::run("ip", &["link", "set", "lo", "up"])?;
    // A fixed hardware address: otherwise the bridge's changes with the first pod and connections break.
    exec::run(
        "ip",
        &[
            "link",
            "add",
            "cni0",
            "address",
            "02:70:6f:64:00:01",
            "type",
            "bridge",
        ],
    )?;
    exec::run("ip", &["address", "add", &address, "dev", "cni0"])?;
    exec::run("ip", &["link", "set", "cni0", "up"])?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("cannot switch on forwarding")
}
