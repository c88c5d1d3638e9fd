//! The throw-away cluster's authority, serving certificate, front-proxy pair, token key and user tokens.
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::state::{NODE_ADDRESS, State, write};

/// User, groups: each gets a random token. Add-ons are administrators here, since the cluster is thrown away.
const USERS: [(&str, &str, &str); 9] = [
    ("admin", "admin", "system:masters"),
    ("peer", "peer", ""),
    ("controller-manager", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
    ("kubelet", "system:node:node1", "system:nodes"),
    ("kube-proxy", "system:kube-proxy", ""),
    ("coredns", "system:coredns", "system:masters"),
    ("metrics-server", "system:metrics-server", "system:masters"),
    ("kwok", "system:kwok", "system:masters"),
];

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str) -> Result<(Authority, KeyPair)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let pem = params.self_signed(&key)?.pem();
    let copy = KeyPair::from_pem(&key.serialize_pem())?;
    Ok((
        Authority {
            pem,
            issuer: Issuer::new(params, key),
        },
        copy,
    ))
}

fn leaf(
    by: &Authority,
    name: &str,
    sans: &[&str],
    usage: ExtendedKeyUsagePurpose,
    pki: &Path,
) -> Result<()> {
    let key = KeyPair::generate()?;
    let mut params =
        CertificateParams::new(sans.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(&key, &by.issuer)?;
    write(&pki.join(format!("{name}.crt")), &cert.pem())?;
    write(&pki.join(format!("{name}.key")), &key.serialize_pem())
}

/// Writes all keys, certificates, the token file and one kubeconfig per user.
pub fn generate(state: &State) -> Result<()> {
    let pki = state.pki();
    let (ca, ca_key) =
        authority("podmender-local-ca").context("cannot make the cluster's authority")?;
    write(&pki.join("ca.crt"), &ca.pem)?;
    write(&pki.join("ca.key"), &ca_key.serialize_pem())?;
    let sans = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "127.0.0.1",
        NODE_ADDRESS,
        "10.96.0.1",
    ];
    leaf(
        &ca,
        "apiserver",
        &sans,
        ExtendedKeyUsagePurpose::ServerAuth,
        &pki,
    )?;
    let (front, _) = authority("podmender-local-front-proxy-ca")?;
    write(&pki.join("front-proxy-ca.crt"), &front.pem)?;
    leaf(
        &front,
        "front-proxy-client",
        &[],
        ExtendedKeyUsagePurpose::ClientAuth,
        &pki,
    )?;
    let tokens = KeyPair::generate()?;
    write(&pki.join("service-account.key"), &tokens.serialize_pem())?;
    write(&pki.join("service-account.pub"), &tokens.public_key_pem())?;

    let mut csv = String::new();
    for (who, user, groups) in USERS {
        let token = random_token()?;
        csv.push_str(&format!("{token},{user},{user},\"{groups}\"\n"));
        let path = match who {
            "admin" => state.kubeconfig(),
            "peer" => state.peer_kubeconfig(),
            _ => state.conf().join(format!("{who}.kubeconfig")),
        };
        let context = if who == "peer" {
            "podmender-peer"
        } else {
            super::state::CONTEXT
        };
        write(
            &path,
            &kubeconfig(&pki.join("ca.crt"), context, user, &token),
        )?;
    }
    write(&pki.join("tokens.csv"), &csv)
}

/// Server, token and authority each on a line of their own, since simple tools read them with a pattern.
fn kubeconfig(ca: &Path, context: &str, user: &str, token: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: {context}
clusters:
- name: {context}
  cluster:
    server: https://{NODE_ADDRESS}:6443
    certificate-authority: {ca}
contexts:
- name: {context}
  context:
    cluster: {context}
    user: {user}
users:
- name: {user}
  user:
    token: {token}
",
        ca = ca.display()
    )
}

fn random_token() -> Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut f| f.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
