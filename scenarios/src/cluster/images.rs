//! Images without a registry: built with buildah as archives, kept in the cache, imported into the node.
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::state::{BUSYBOX_IMAGE, State};
use super::{node, process};
use crate::{env, exec};

/// The image every pod's sandbox runs; it only sleeps.
pub const PAUSE_IMAGE: &str = "docker.io/local/pause:1";

/// buildah with a store of its own, so that nothing is left in the system's. Storage, run root and chroot: no daemon, no mounts.
pub struct Buildah {
    store: PathBuf,
}

impl Buildah {
    /// An empty store under `dir`; stores of builds that were killed are removed.
    pub fn new(dir: &Path) -> Result<Self> {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name
                .strip_prefix("buildah-")
                .and_then(|pid| pid.parse().ok());
            if owner.is_some_and(|pid| process::start_time(pid).is_none()) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let store = dir.join(format!("buildah-{}", std::process::id()));
        fs::create_dir_all(&store).with_context(|| format!("cannot create {}", store.display()))?;
        Ok(Self { store })
    }

    /// One buildah command.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let mut command = exec::command("buildah");
        command
            .arg("--root")
            .arg(self.store.join("root"))
            .arg("--runroot")
            .arg(self.store.join("run"));
        command
            .args(["--storage-driver", "vfs"])
            .env("BUILDAH_ISOLATION", "chroot");
        exec::output(command.args(args)).map(|out| out.trim().to_owned())
    }

    /// Root folder + settings -> archive that holds exactly this image, the same bytes every time.
    pub fn archive(&self, root: &Path, config: &[&str], image: &str, out: &Path) -> Result<()> {
        let container = self.run(&["from", "scratch"])?;
        let root = root.display().to_string();
        self.run(&["copy", "--quiet", &container, &root, "/"])?;
        let mut args = vec!["config"];
        args.extend(config);
        args.push(&container);
        self.run(&args)?;
        self.run(&[
            "commit",
            "--quiet",
            "--timestamp",
            "0",
            "--rm",
            &container,
            image,
        ])?;
        let tmp = out.with_extension("part");
        let _ = fs::remove_file(&tmp);
        self.run(&[
            "push",
            "--quiet",
            image,
            &format!("docker-archive:{}:{image}", tmp.display()),
        ])?;
        fs::rename(&tmp, out).with_context(|| format!("cannot write {}", out.display()))
    }
}

impl Drop for Buildah {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.store);
    }
}

/// Builds the workload and pause images unless they are cached, and returns their archives.
pub fn base_images() -> Result<Vec<PathBuf>> {
    let busybox =
        env::find_program("busybox").context("busybox is missing: install busybox-static")?;
    let hash: String = Sha256::digest(fs::read(&busybox)?)
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    let dir = env::cache_dir()?.join("images");
    let archives = [
        dir.join(format!("busybox-{hash}.tar")),
        dir.join(format!("pause-{hash}.tar")),
    ];
    if archives.iter().all(|a| a.is_file()) {
        return Ok(archives.into());
    }
    fs::create_dir_all(&dir)?;
    let buildah = Buildah::new(&dir)?;
    let root = buildah.store.join("rootfs");
    for folder in ["bin", "etc", "tmp", "home"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::copy(&busybox, root.join("bin/busybox"))?;
    for applet in exec::run("busybox", &["--list"])?
        .lines()
        .filter(|a| *a != "busybox")
    {
        symlink("/bin/busybox", root.join("bin").join(applet))?;
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/home:/bin/sh\n",
    )?;
    exec::run("chmod", &["1777", &root.join("tmp").display().to_string()])?;
    buildah.archive(
        &root,
        &["--cmd", "sh", "--env", "PATH=/bin"],
        BUSYBOX_IMAGE,
        &archives[0],
    )?;
    buildah.archive(
        &root,
        &["--entrypoint", r#"["/bin/sleep","2147483647"]"#],
        PAUSE_IMAGE,
        &archives[1],
    )?;
    Ok(archives.into())
}

/// Imports archives into the running node.
pub fn import(state: &State, ctr: &Path, archives: &[PathBuf]) -> Result<()> {
    for archive in archives {
        let mut command = node::enter(state)?;
        command
            .arg(ctr)
            .args(["--namespace", "k8s.io", "images", "import", "--local"])
            .arg(archive);
        exec::output(&mut command)
            .with_context(|| format!("cannot import {}", archive.display()))?;
    }
    Ok(())
}
