//! The agent's image: one static program on an empty root, the same bytes for the same commit.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cluster::{
    images::Buildah,
    packages::{self, Purpose},
};
use crate::{env, exec, ui};

/// The image's name without its tag; the tag is the workspace's version.
pub const NAME: &str = "ghcr.io/podmender/podmender";
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Owner of the process: neither root nor any user of the node.
const USER: &str = "65532:65532";

/// What `cargo metadata` tells that is needed here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// A built image.
#[derive(Debug)]
pub struct Image {
    /// Name and tag.
    pub reference: String,
    /// The docker-archive.
    pub archive: PathBuf,
    /// The program in it, which also runs here.
    pub program: PathBuf,
}

/// Builds the program with a cargo profile, then the image; `out` defaults to a file in the target folder.
pub fn build(profile: &str, out: Option<&Path>) -> Result<Image> {
    // Before the minutes of compiling, not after them.
    packages::ensure(Purpose::Image)?;
    let metadata: Metadata = serde_json::from_str(&exec::output(exec::command("cargo").args([
        "metadata",
        "--no-deps",
        "--format-version=1",
    ]))?)?;
    let agent = metadata.packages.iter().find(|p| p.name == "podmender");
    let version = &agent
        .context("run this inside Podmender's workspace: it builds the package `podmender`")?
        .version;
    let reference = format!("{NAME}:{version}");
    let program = compile(profile, &metadata)?;

    let dir = metadata.target_directory.join("image").join(profile);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let archive = out.map_or_else(
        || dir.join(format!("podmender-{version}.tar")),
        Path::to_path_buf,
    );
    let root = dir.join(format!("root-{}", std::process::id()));
    let packed =
        fill(&root, &program).and_then(|()| pack(&root, &dir, version, &reference, &archive));
    fs::remove_dir_all(&root)?;
    packed?;
    let mib = |path: &Path| fs::metadata(path).map_or(0.0, |m| m.len() as f64 / f64::from(1 << 20));
    ui::say(format!(
        "{reference}: {:.1} MiB, program {:.1} MiB",
        mib(&archive),
        mib(&program)
    ));
    Ok(Image {
        reference,
        archive,
        program,
    })
}

/// Naming the target keeps build scripts and macros dynamic; only the program itself is static.
fn compile(profile: &str, metadata: &Metadata) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let flags = format!("{} -C target-feature=+crt-static", env::rustflags());
    let mut cargo = exec::command("cargo");
    cargo
        .current_dir(&metadata.workspace_root)
        .env("RUSTFLAGS", flags.trim());
    cargo.args([
        "build",
        "--package",
        "podmender",
        "--bin",
        "podmender",
        "--profile",
        profile,
        "--target",
        &target,
    ]);
    let bar = ui::Progress::new(format!("compiling podmender ({profile}, static)"), 0);
    exec::output(&mut cargo)?;
    bar.finish();
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(metadata
        .target_directory
        .join(target)
        .join(folder)
        .join("podmender"))
}

fn fill(root: &Path, program: &Path) -> Result<()> {
    let authorities = root.join(AUTHORITIES.trim_start_matches('/'));
    fs::create_dir_all(authorities.parent().unwrap_or(root))?;
    fs::copy(AUTHORITIES, &authorities)
        .with_context(|| format!("{AUTHORITIES}: install ca-certificates"))?;
    fs::copy(program, root.join("podmender"))
        .with_context(|| format!("cannot copy {}", program.display()))?;
    Ok(())
}

fn pack(root: &Path, dir: &Path, version: &str, reference: &str, archive: &Path) -> Result<()> {
    let revision = exec::run("git", &["rev-parse", "HEAD"]).unwrap_or_default();
    let label = |key: &str, value: &str| format!("org.opencontainers.image.{key}={value}");
    let labels = [
        label("title", "podmender"),
        label(
            "description",
            "Autonomous, namespace-scoped remediation agent for Kubernetes",
        ),
        label("licenses", "Apache-2.0"),
        label("version", version),
        label("revision", revision.trim()),
    ];
    let mut config = vec!["--user", USER, "--entrypoint", r#"["/podmender"]"#];
    let certificates = format!("SSL_CERT_FILE={AUTHORITIES}");
    config.extend(["--env", &certificates]);
    for label in &labels {
        config.extend(["--label", label]);
    }
    Buildah::new(dir)?.archive(root, &config, reference, archive)
}
