//! Programs beside the control plane: DNS, metrics and, on demand, kwok's fake nodes.
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::components::Orders;
use super::node::Order;
use super::state::{NODE_ADDRESS, write};
use crate::env;

impl Orders<'_> {
    fn addon(&self, name: &str, args: Vec<String>) -> Order {
        let mut argv = vec![self.programs.addons.join(name).display().to_string()];
        argv.extend(args);
        Order {
            name: name.to_owned(),
            argv,
            path: env::search_path(&[]),
        }
    }

    /// DNS for pods, on the node's address.
    pub fn coredns(&self) -> Order {
        self.addon(
            "coredns",
            vec![
                "-conf".into(),
                self.state.conf().join("Corefile").display().to_string(),
            ],
        )
    }

    /// `kubectl top`.
    pub fn metrics_server(&self) -> Order {
        let file = self.state.conf().join("metrics-server.kubeconfig");
        let mut args: Vec<String> = [
            "kubeconfig",
            "authentication-kubeconfig",
            "authorization-kubeconfig",
        ]
        .map(|f| format!("--{f}={}", file.display()))
        .into();
        args.extend([
            "--kubelet-insecure-tls".into(),
            "--kubelet-preferred-address-types=InternalIP".into(),
            format!("--bind-address={NODE_ADDRESS}"),
            "--secure-port=4443".into(),
            "--metric-resolution=15s".into(),
            format!(
                "--cert-dir={}",
                self.state.pki().join("metrics-server").display()
            ),
        ]);
        self.addon("metrics-server", args)
    }

    /// kwok looks after nodes that carry its annotation, and after their pods.
    pub fn kwok(&self, stages: &Path) -> Result<Order> {
        let mut args = vec![
            format!(
                "--kubeconfig={}",
                self.state.conf().join("kwok.kubeconfig").display()
            ),
            "--manage-all-nodes=false".into(),
            // Without leases the controllers count a fake node as lost between two of its rare heartbeats.
            "--node-lease-duration-seconds=40".into(),
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake".into(),
            // Fake nodes announce this port; without it `kubectl logs` would ask the real kubelet.
            format!("--server-address={NODE_ADDRESS}:10247"),
            "--node-port=10247".into(),
            format!("--node-ip={NODE_ADDRESS}"),
        ];
        let entries = fs::read_dir(stages)
            .with_context(|| format!("kwok's stages are missing in {}", stages.display()))?;
        for entry in entries.flatten() {
            args.push(format!("--config={}", entry.path().display()));
        }
        args.push(format!("--config={}", self.fake_logs()?.display()));
        Ok(self.addon("kwok", args))
    }

    /// What `kubectl logs` answers for a fake pod.
    fn fake_logs(&self) -> Result<std::path::PathBuf> {
        let (text, config) = (
            self.state.conf().join("fake-pod.log"),
            self.state.conf().join("fake-logs.yaml"),
        );
        write(
            &text,
            "2026-01-01T00:00:00.000000000Z stdout F a fake pod says nothing\n",
        )?;
        let object = format!(
            "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {{name: fake}}\nspec:\n  logs:\n  - logsFile: {}\n    follow: false\n",
            text.display()
        );
        write(&config, &object)?;
        Ok(config)
    }
}
