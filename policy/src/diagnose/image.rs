//! Images that cannot be had: pull errors, bad names, images that must already be on the node.

use super::{FailureKind, sign::Sign};
use crate::observation::{ContainerSeen, ContainerState, PodSeen, WaitingReason};

/// A container whose image cannot be had (kubelet, pkg/kubelet/images/types.go).
pub(super) fn sign<'a>(pod: &'a PodSeen, c: &'a ContainerSeen) -> Option<Sign<'a>> {
    let ContainerState::Waiting { reason, message } = &c.state else {
        return None;
    };
    let kind = match reason {
        WaitingReason::ErrImagePull
        | WaitingReason::RegistryUnavailable
        | WaitingReason::ImageInspectError
        | WaitingReason::SignatureValidationFailed => FailureKind::ErrImagePull,
        WaitingReason::ImagePullBackOff => FailureKind::ImagePullBackOff,
        WaitingReason::InvalidImageName => FailureKind::InvalidImageName,
        WaitingReason::ErrImageNeverPull => FailureKind::ErrImageNeverPull,
        _ => return None,
    };
    let sign = Sign::new(kind, pod).of(c).saying(message.as_str());
    Some(sign.shown_by(&["Failed", "ErrImageNeverPull", "InspectFailed", "BackOff"]))
}

/// What is said when no message names the cause.
pub(super) const UNNAMED: &str = "its image cannot be pulled";

/// Why the image cannot be had, in words. Registries and containerd phrase it in a handful of ways.
pub(super) fn meaning(
    kind: FailureKind,
    reason: Option<WaitingReason>,
    message: &str,
) -> &'static str {
    match (kind, reason) {
        (FailureKind::InvalidImageName, _) => return "its image name is not a valid reference",
        (FailureKind::ErrImageNeverPull, _) => {
            return "its image is not on the node, and imagePullPolicy Never forbids a pull";
        }
        (_, Some(WaitingReason::SignatureValidationFailed)) => {
            return "its image's signature does not validate";
        }
        (_, Some(WaitingReason::ImageInspectError)) => {
            return "the container runtime cannot inspect its image";
        }
        _ => {}
    }
    let low = message.to_ascii_lowercase();
    let table: [(&[&str], &str); 9] = [
        (
            &["toomanyrequests", "rate limit", "429 too many"],
            "the registry's rate limit is reached",
        ),
        (
            &["no match for platform", "no matching manifest"],
            "there is no image for the node's architecture",
        ),
        (
            &[
                "unauthorized",
                "authentication required",
                "authorization failed",
                "access denied",
                "403 forbidden",
                "401 unauthorized",
                "basic auth",
            ],
            "the registry refuses access: the image is private or does not exist (check imagePullSecrets)",
        ),
        (
            &["x509", "certificate", "http: server gave http response"],
            "the registry's TLS certificate is not accepted",
        ),
        (
            &["no such host", "name resolution", "server misbehaving"],
            "the registry's name cannot be resolved",
        ),
        (
            &[
                "connection refused",
                "no route to host",
                "network is unreachable",
                "connection reset",
            ],
            "the registry cannot be reached",
        ),
        (
            &[
                "i/o timeout",
                "deadline exceeded",
                "tls handshake timeout",
                "client.timeout",
            ],
            "the registry does not answer in time",
        ),
        (&["no space left"], "the node's disk is full"),
        (
            &[
                "not found",
                "manifest unknown",
                "name unknown",
                "does not exist",
            ],
            "no such image or tag in the registry",
        ),
    ];
    let hit = table
        .iter()
        .find(|(words, _)| words.iter().any(|w| low.contains(w)));
    hit.map_or(UNNAMED, |(_, meaning)| meaning)
}
