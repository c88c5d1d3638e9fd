//! Whether the local cluster is healthy, as a fact and as a table.
use comfy_table::{Table, presets};

use super::state::State;
use super::{kubectl, process};

/// True when a component of that name runs.
pub fn running(state: &State, name: &str) -> bool {
    state
        .components()
        .iter()
        .any(|c| c.name == name && process::start_time(c.pid) == Some(c.started))
}

/// Everything that a cluster cannot do without runs, and the API server says that it is ready.
pub fn healthy(state: &State) -> bool {
    let needed = [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "containerd",
        "kubelet",
        "kube-proxy",
        "coredns",
        "metrics-server",
    ];
    needed.iter().all(|name| running(state, name))
        && kubectl::run(state, &["get", "--raw", "/readyz", "--request-timeout=5s"]).is_ok()
}

/// Component, pid, alive, since.
pub fn table(state: &State) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["COMPONENT", "PID", "ALIVE", "SINCE"]);
    for c in state.components() {
        let alive = process::start_time(c.pid) == Some(c.started);
        let since = process::age(c.started)
            .filter(|_| alive)
            .map_or_else(|| "-".to_owned(), |s| format!("{s} s"));
        table.add_row([
            c.name,
            c.pid.to_string(),
            if alive { "yes" } else { "no" }.to_owned(),
            since,
        ]);
    }
    table
}
