//! The node's processes, found by the marker they inherit, and ended through handles that never reach a recycled pid.
use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::state::State;
use crate::env::NODE_MARKER;

/// A process that belongs to the node.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its pid on the machine.
    pub pid: u32,
    /// Its pid inside the node; 1 is the node's first process.
    pub inner: u32,
    /// The kernel's start time.
    pub started: u64,
}

/// The kernel's start time of a pid, in ticks since boot.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count fields behind it: the start time is field 22.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next() == Some("Z") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Seconds since a start time.
pub fn age(started: u64) -> Option<u64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: u64 = uptime.split('.').next()?.parse().ok()?;
    seconds.checked_sub(started / rustix::param::clock_ticks_per_second())
}

fn marked(pid: u32, marker: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|e| e.split(|b| *b == 0).any(|v| v == marker.as_bytes()))
}

fn marker(state: &State) -> String {
    format!("{NODE_MARKER}={}", state.dir.display())
}

/// All processes of the node that carry its marker (those inside pods do not: they end with the node's first process).
pub fn members(state: &State) -> Vec<Member> {
    let marker = marker(state);
    let Ok(proc) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = proc
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| marked(*pid, &marker))
        .filter_map(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let inner = status
                .lines()
                .find_map(|l| l.strip_prefix("NSpid:"))?
                .split_whitespace()
                .last()?
                .parse()
                .ok()?;
            Some(Member {
                pid,
                inner,
                started: start_time(pid)?,
            })
        })
        .collect()
}

/// The node's first process, if the node runs.
pub fn init(state: &State) -> Option<Member> {
    members(state).into_iter().find(|m| m.inner == 1)
}

/// Ends every process of the node and waits until the last one is gone.
pub fn end_all(state: &State) -> Result<()> {
    let marker = marker(state);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = BTreeMap::new();
    loop {
        seen.extend(members(state).into_iter().map(|m| (m.pid, m)));
        // A dying process loses its environment, and so its marker, before it is gone; the node's first goes last.
        seen.retain(|pid, member| start_time(*pid) == Some(member.started));
        if seen.is_empty() {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "processes of the old node do not end: {:?}",
            seen.values()
        );
        for member in seen.values() {
            let Some(pid) = i32::try_from(member.pid).ok().and_then(Pid::from_raw) else {
                continue;
            };
            // The handle pins the process; the marker is read again after it is open, so this one is ours.
            if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
                && marked(member.pid, &marker)
            {
                let _ = pidfd_send_signal(&handle, Signal::KILL);
            }
        }
        sleep(Duration::from_millis(10));
    }
}
