//! The programs of the cluster and their command lines.
use std::path::{Path, PathBuf};

use super::node::Order;
use super::state::{NODE, NODE_ADDRESS, State};
use crate::env;

/// Folders with the built programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Kubernetes and etcd.
    pub kubernetes: PathBuf,
    /// containerd and network plugins.
    pub node: PathBuf,
    /// CoreDNS, metrics-server, kwok.
    pub addons: PathBuf,
}

/// Builds the orders for one state folder.
pub struct Orders<'a> {
    /// Where everything is kept.
    pub state: &'a State,
    /// What to run.
    pub programs: &'a Programs,
}

impl Orders<'_> {
    fn order(&self, bin: &Path, name: &str, args: Vec<String>) -> Order {
        let path = env::search_path(&[&self.programs.node, &self.programs.kubernetes]);
        let mut argv = vec![bin.join(name).display().to_string()];
        argv.extend(args);
        Order {
            name: name.to_owned(),
            argv,
            path,
        }
    }

    fn pki(&self, file: &str) -> String {
        self.state.pki().join(file).display().to_string()
    }

    fn conf(&self, file: &str) -> String {
        self.state.conf().join(file).display().to_string()
    }

    fn kubeconfig(&self, who: &str) -> String {
        format!("--kubeconfig={}", self.conf(&format!("{who}.kubeconfig")))
    }

    /// kubeconfig, and the same for checking who asks for metrics.
    fn kubeconfigs(&self, who: &str) -> Vec<String> {
        let file = self.conf(&format!("{who}.kubeconfig"));
        [
            "kubeconfig",
            "authentication-kubeconfig",
            "authorization-kubeconfig",
        ]
        .map(|f| format!("--{f}={file}"))
        .into()
    }

    /// The container runtime.
    pub fn containerd(&self) -> Order {
        self.order(
            &self.programs.node,
            "containerd",
            vec![format!("--config={}", self.conf("containerd.toml"))],
        )
    }

    /// The store: its data are thrown away, so it need not wait for the disk.
    pub fn etcd(&self) -> Order {
        let data = self.state.dir.join("etcd");
        let args = vec![
            format!("--data-dir={}", data.display()),
            "--listen-client-urls=http://127.0.0.1:2379".into(),
            "--advertise-client-urls=http://127.0.0.1:2379".into(),
            "--listen-peer-urls=http://127.0.0.1:2380".into(),
            "--initial-advertise-peer-urls=http://127.0.0.1:2380".into(),
            "--initial-cluster=default=http://127.0.0.1:2380".into(),
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ];
        self.order(&self.programs.kubernetes, "etcd", args)
    }

    /// The API server.
    pub fn apiserver(&self) -> Order {
        let args = vec![
            "--etcd-servers=http://127.0.0.1:2379".into(),
            format!("--advertise-address={NODE_ADDRESS}"),
            "--secure-port=6443".into(),
            format!("--tls-cert-file={}", self.pki("apiserver.crt")),
            format!("--tls-private-key-file={}", self.pki("apiserver.key")),
            format!("--client-ca-file={}", self.pki("ca.crt")),
            format!("--token-auth-file={}", self.pki("tokens.csv")),
            "--authorization-mode=Node,RBAC".into(),
            "--allow-privileged=true".into(),
            "--service-cluster-ip-range=10.96.0.0/16".into(),
            // The default reconciler waits for leases that a single server does not need.
            "--endpoint-reconciler-type=master-count".into(),
            // Otherwise `kubectl logs` looks the node's name up in DNS.
            "--kubelet-preferred-address-types=InternalIP".into(),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
            format!(
                "--service-account-key-file={}",
                self.pki("service-account.pub")
            ),
            format!(
                "--service-account-signing-key-file={}",
                self.pki("service-account.key")
            ),
            format!("--audit-policy-file={}", self.conf("audit.yaml")),
            format!("--audit-log-path={}", self.state.audit_log().display()),
            // The metrics API is served by another process, which must know who asks.
            format!(
                "--requestheader-client-ca-file={}",
                self.pki("front-proxy-ca.crt")
            ),
            "--requestheader-allowed-names=front-proxy-client".into(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
            "--requestheader-group-headers=X-Remote-Group".into(),
            "--requestheader-username-headers=X-Remote-User".into(),
            format!(
                "--proxy-client-cert-file={}",
                self.pki("front-proxy-client.crt")
            ),
            format!(
                "--proxy-client-key-file={}",
                self.pki("front-proxy-client.key")
            ),
            "--enable-aggregator-routing=true".into(),
        ];
        self.order(&self.programs.kubernetes, "kube-apiserver", args)
    }

    /// The controllers. Higher request rates: thousands of fake pods must not queue here.
    pub fn controller_manager(&self) -> Order {
        let mut args = self.kubeconfigs("controller-manager");
        args.extend([
            // With false it lacks the rights of its own controllers.
            "--use-service-account-credentials=true".into(),
            format!("--root-ca-file={}", self.pki("ca.crt")),
            format!(
                "--service-account-private-key-file={}",
                self.pki("service-account.key")
            ),
            format!("--cluster-signing-cert-file={}", self.pki("ca.crt")),
            format!("--cluster-signing-key-file={}", self.pki("ca.key")),
            "--leader-elect=false".into(),
            "--bind-address=127.0.0.1".into(),
            "--kube-api-qps=300".into(),
            "--kube-api-burst=600".into(),
        ]);
        self.order(&self.programs.kubernetes, "kube-controller-manager", args)
    }

    /// The scheduler.
    pub fn scheduler(&self) -> Order {
        let mut args = self.kubeconfigs("scheduler");
        args.extend(
            [
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--kube-api-qps=300",
                "--kube-api-burst=600",
            ]
            .map(String::from),
        );
        self.order(&self.programs.kubernetes, "kube-scheduler", args)
    }

    /// The kubelet.
    pub fn kubelet(&self) -> Order {
        let args = vec![
            format!("--config={}", self.conf("kubelet.yaml")),
            self.kubeconfig("kubelet"),
            format!("--node-ip={NODE_ADDRESS}"),
            format!("--hostname-override={NODE}"),
        ];
        self.order(&self.programs.kubernetes, "kubelet", args)
    }

    /// Services.
    pub fn proxy(&self) -> Order {
        let args = vec![
            self.kubeconfig("kube-proxy"),
            format!("--hostname-override={NODE}"),
            "--proxy-mode=iptables".into(),
            "--conntrack-max-per-core=0".into(),
            "--bind-address=127.0.0.1".into(),
        ];
        self.order(&self.programs.kubernetes, "kube-proxy", args)
    }
}
