//! The Go programs of a cluster: built once from committed pins, kept in the user's cache under a hash of those pins.
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::{env, exec, ui};

/// Programs that share one `go.mod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Its folder under `scenarios/tools`.
    pub name: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
}

macro_rules! set {
    ($name:literal) => {
        Set {
            name: $name,
            go_mod: include_str!(concat!("../../tools/", $name, "/go.mod")),
            go_sum: include_str!(concat!("../../tools/", $name, "/go.sum")),
        }
    };
}

/// The API server and its kin, the kubelet, etcd, kubectl.
pub const KUBERNETES: Set = set!("kubernetes");
/// containerd and the network plugins.
pub const NODE: Set = set!("node");
/// CoreDNS, metrics-server, kwok.
pub const ADDONS: Set = set!("addons");
/// For charts, images and workflows: helm, kubeconform, crane, actionlint, kind.
pub const CHART: Set = set!("chart");
/// For the test that compares our redaction: gitleaks.
pub const LEAKS: Set = set!("leaks");
/// All of them.
pub const ALL: [Set; 5] = [KUBERNETES, NODE, ADDONS, CHART, LEAKS];

/// The oldest Go that builds them.
const GO_MINOR: u32 = 26;

impl Set {
    /// Import paths from the `tool` lines, with the name of the program each becomes.
    fn tools(&self) -> Vec<(&'static str, &'static str)> {
        let mut inside = false;
        let mut found = Vec::new();
        for line in self.go_mod.lines().map(str::trim) {
            match line {
                "tool (" => inside = true,
                ")" => inside = false,
                _ if inside => found.push(line),
                _ => found.extend(line.strip_prefix("tool ").map(str::trim)),
            }
        }
        found
            .into_iter()
            .map(|path| (path, binary_name(path)))
            .collect()
    }

    /// The pinned version of a module that the set requires.
    fn version_of(&self, module: &str) -> Option<&'static str> {
        self.go_mod
            .lines()
            .filter_map(|l| l.trim().trim_start_matches("require ").strip_prefix(module))
            .find_map(|r| {
                r.strip_prefix(' ')
                    .filter(|r| r.starts_with('v'))
                    .and_then(|r| r.split(' ').next())
            })
    }

    /// Kubernetes must be told its version, or the server calls itself v0.0.0-master and clients refuse it.
    fn ldflags(&self) -> String {
        let Some(version) = self.version_of("k8s.io/kubernetes") else {
            return "-s -w".to_owned();
        };
        let minor = version.split('.').nth(1).unwrap_or("0");
        let package = "k8s.io/component-base/version";
        format!(
            "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor=1 -X {package}.gitMinor={minor}"
        )
    }

    /// `<cache>/tools/<hash of the pins>`.
    pub fn dir(&self) -> Result<PathBuf> {
        let mut hash = Sha256::new();
        for part in [
            self.go_mod,
            self.go_sum,
            &self.ldflags(),
            std::env::consts::ARCH,
        ] {
            hash.update(part.as_bytes());
        }
        let hex: String = hash
            .finalize()
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(env::cache_dir()?
            .join("tools")
            .join(format!("{}-{hex}", self.name)))
    }

    /// Builds what is missing of the whole set and returns the folder with the programs.
    pub fn ensure(&self) -> Result<PathBuf> {
        let names: Vec<&str> = self.tools().into_iter().map(|(_, name)| name).collect();
        self.ensure_only(&names)
    }

    /// Builds what is missing of the named programs.
    pub fn ensure_only(&self, names: &[&str]) -> Result<PathBuf> {
        let dir = self.dir()?;
        let bin = dir.join("bin");
        let missing = |bin: &Path| -> Vec<(&str, &str)> {
            let tools = self.tools().into_iter();
            tools
                .filter(|(_, name)| names.contains(name) && !bin.join(name).is_file())
                .collect()
        };
        if missing(&bin).is_empty() {
            return Ok(bin);
        }
        fs::create_dir_all(&bin).with_context(|| format!("cannot create {}", bin.display()))?;
        // Two first runs at once must not build the same thing twice.
        let lock = fs::File::create(dir.join("lock"))?;
        lock.lock()?;
        let todo = missing(&bin);
        if !todo.is_empty() {
            self.build(&dir, &todo)?;
        }
        Ok(bin)
    }

    fn build(&self, dir: &Path, tools: &[(&str, &str)]) -> Result<()> {
        check_go()?;
        let (source, fresh) = (dir.join("src"), dir.join("fresh"));
        fs::create_dir_all(&source)?;
        fs::create_dir_all(&fresh)?;
        fs::write(source.join("go.mod"), self.go_mod)?;
        fs::write(source.join("go.sum"), self.go_sum)?;
        let paths: Vec<&str> = tools.iter().map(|(path, _)| *path).collect();
        let names: Vec<&str> = tools.iter().map(|(_, name)| *name).collect();
        ui::say(format!(
            "building {} from pinned sources into {}",
            names.join(", "),
            dir.display()
        ));

        let total = exec::output(go(&source).args(["list", "-deps"]).args(&paths))
            .context("cannot fetch the Go modules: is a Go module proxy reachable (GOPROXY)?")?
            .lines()
            .count();
        let mut bar =
            ui::Progress::new(format!("{}: Go packages", self.name), u64::try_from(total)?);
        let mut command = go(&source);
        command
            .args([
                "build",
                "-v",
                "-trimpath",
                "-ldflags",
                &self.ldflags(),
                "-o",
            ])
            .arg(&fresh)
            .args(&paths);
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start go")?;
        let mut said = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // `-v` prints a bare import path per compiled package; anything else is worth showing on failure.
                if line.contains(' ') {
                    said.push(line);
                }
                bar.step();
            }
        }
        let status = child.wait()?;
        ensure!(
            status.success(),
            "`{}` failed:\n{}",
            exec::describe(&command),
            said.join("\n")
        );
        bar.finish();
        if self.name == ADDONS.name {
            copy_kwok_stages(&source, &dir.join("kwok"))?;
        }
        for (path, name) in tools {
            let built = fresh.join(go_output_name(path));
            fs::rename(&built, dir.join("bin").join(name))
                .with_context(|| format!("{} was not built", built.display()))?;
        }
        Ok(())
    }
}

/// kwok outside a container has no stages of its own: those of its module are kept beside it.
fn copy_kwok_stages(source: &Path, to: &Path) -> Result<()> {
    let module =
        exec::output(go(source).args(["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]))?;
    let stages = Path::new(module.trim()).join("kustomize/stage");
    fs::create_dir_all(to)?;
    for file in [
        "node/fast/node-initialize.yaml",
        "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
        "pod/fast/pod-ready.yaml",
        "pod/fast/pod-complete.yaml",
        "pod/fast/pod-delete.yaml",
    ] {
        let name = Path::new(file)
            .file_name()
            .context("a stage without a name")?;
        let text =
            fs::read(stages.join(file)).with_context(|| format!("kwok's module lacks {file}"))?;
        fs::write(to.join(name), text)?;
    }
    Ok(())
}

fn go(source: &Path) -> Command {
    let mut command = exec::command("go");
    command
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false");
    command
}

fn check_go() -> Result<()> {
    let need = format!(
        "install Go 1.{GO_MINOR} or newer (Debian: `apt install golang-go` where new enough, else the archive of the Go project)"
    );
    let Ok(version) = exec::run("go", &["env", "GOVERSION"]) else {
        bail!("there is no Go here: {need}")
    };
    let minor = version
        .trim()
        .trim_start_matches("go1.")
        .split(['.', 'r', 'b', '-'])
        .next();
    if minor
        .and_then(|m| m.parse::<u32>().ok())
        .is_none_or(|m| m < GO_MINOR)
    {
        bail!("Go is too old ({}): {need}", version.trim());
    }
    Ok(())
}

/// What `go build` calls the program of an import path: the last element that is not a major version.
fn go_output_name(path: &str) -> &str {
    let version = |s: &str| {
        s.strip_prefix('v')
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    path.rsplit('/').find(|part| !version(part)).unwrap_or(path)
}

fn binary_name(path: &str) -> &str {
    if path.starts_with("go.etcd.io/etcd/") {
        "etcd"
    } else {
        go_output_name(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDONS, CHART, KUBERNETES, NODE, go_output_name};

    #[test]
    fn tool_lines_become_program_names() {
        let names = |set: super::Set| set.tools().into_iter().map(|(_, n)| n).collect::<Vec<_>>();
        assert!(names(KUBERNETES).contains(&"etcd") && names(KUBERNETES).contains(&"kubelet"));
        assert!(
            names(NODE).contains(&"containerd-shim-runc-v2") && names(NODE).contains(&"host-local")
        );
        assert!(names(ADDONS).contains(&"coredns") && names(CHART).contains(&"helm"));
    }

    #[test]
    fn kubernetes_is_told_its_pinned_version() {
        assert!(KUBERNETES.ldflags().contains("gitVersion=v1."));
        assert_eq!(NODE.ldflags(), "-s -w");
    }

    #[test]
    fn a_major_version_is_not_a_name() {
        assert_eq!(go_output_name("go.etcd.io/etcd/server/v3"), "server");
        assert_eq!(go_output_name("sigs.k8s.io/kind"), "kind");
    }
}
