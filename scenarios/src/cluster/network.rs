//! The cable between the machine and the node: tests here reach pods and Services, pods reach what tests listen on.
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::node;
use super::process::Member;
use super::state::{HOST_ADDRESS, State};
use crate::exec;

/// The machine's end; the other end disappears with the node.
const CABLE: &str = "podmender0";
const NODE_END: &str = "10.89.0.2";

/// The hardware address of this state folder's cable: it tells whose cluster is up.
fn address(state: &State) -> String {
    let hash = Sha256::digest(state.dir.as_os_str().as_encoded_bytes());
    let bytes: Vec<String> = hash.iter().take(5).map(|b| format!("{b:02x}")).collect();
    // 02: locally administered, and no multicast.
    format!("02:{}", bytes.join(":"))
}

/// There is one such network per machine: another state folder's cluster keeps this one out, and is left alone by it.
pub fn ensure_free(state: &State) -> Result<()> {
    let cable = Path::new("/sys/class/net").join(CABLE).join("address");
    let is_ours = fs::read_to_string(cable).is_ok_and(|a| a.trim() == address(state));
    let taken = Path::new("/sys/class/net").join(CABLE).exists();
    ensure!(
        is_ours || !taken,
        "another local cluster is up from another state folder: take it down there (PODMENDER_STATE=... cluster down)"
    );
    Ok(())
}

/// Connects the node.
pub fn connect(state: &State, init: Member) -> Result<()> {
    let pid = init.pid.to_string();
    exec::run(
        "ip",
        &[
            "link",
            "add",
            CABLE,
            "address",
            &address(state),
            "type",
            "veth",
            "peer",
            "name",
            "uplink",
            "netns",
            &pid,
        ],
    )?;
    exec::run(
        "ip",
        &[
            "address",
            "add",
            &format!("{HOST_ADDRESS}/30"),
            "dev",
            CABLE,
        ],
    )?;
    exec::run("ip", &["link", "set", CABLE, "up"])?;
    let mut script = node::enter(state)?;
    script.args(["sh", "-ec"]).arg(format!(
        "ip address add {NODE_END}/30 dev uplink; ip link set uplink up; ip route add default via {HOST_ADDRESS}"
    ));
    exec::output(&mut script)?;
    for pods_and_services in ["10.88.0.0/16", "10.96.0.0/16"] {
        exec::run("ip", &["route", "add", pods_and_services, "via", NODE_END]).with_context(|| {
            format!("the network {pods_and_services} is in use on this machine (podman?): free it, then run again")
        })?;
    }
    Ok(())
}

/// Removes the machine's end and with it the routes; no error when there is none.
pub fn disconnect() {
    let _ = exec::run("ip", &["link", "delete", CABLE]);
}
