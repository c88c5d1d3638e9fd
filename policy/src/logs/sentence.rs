//! One sentence for each cause, with the particulars of the line that shows it.

use super::{extract, patterns::Hit};
use crate::observation::LogCause;

/// The probable cause: a clause that can stand after `container c exits with 1: `.
pub(super) fn of(hit: &Hit, line: &str) -> String {
    match hit.cause {
        LogCause::ConnectionRefused => refused(hit, line),
        LogCause::ConnectionTimeout => timeout(line),
        LogCause::Dns => match extract::host(line) {
            Some(host) => format!("the name {host} cannot be resolved (DNS)"),
            None => "a host name cannot be resolved (DNS)".to_owned(),
        },
        LogCause::Tls => tls(line),
        LogCause::Auth => match extract::user(line) {
            Some(user) => format!("its credentials are refused (user {user})"),
            None => "its credentials are refused".to_owned(),
        },
        LogCause::DiskFull => with(extract::path(line), "no space left for ", "a disk is full"),
        LogCause::PermissionDenied => permission(hit, line),
        LogCause::MissingEnv => with(
            extract::env_name(line),
            "environment variable is missing: ",
            "a required environment variable is missing",
        ),
        LogCause::MissingFile => with(
            extract::path(line),
            "it does not find ",
            "a file it needs is missing",
        ),
        LogCause::PortInUse => match extract::port(line) {
            Some(port) => format!("port {port} is already in use"),
            None => "its port is already in use".to_owned(),
        },
        LogCause::MigrationFailed => {
            format!("a database migration failed: {}", extract::head(line))
        }
        LogCause::OutOfMemory => format!("the program ran out of memory: {}", extract::head(line)),
        LogCause::BadConfig => format!(
            "its configuration or arguments are wrong: {}",
            extract::head(line)
        ),
        LogCause::Panic => format!("it panics: {}", extract::panic(line)),
        LogCause::StackTrace => format!("an exception is not caught: {}", extract::head(line)),
        LogCause::Unknown => extract::head(line),
    }
}

fn with(what: Option<String>, lead: &str, without: &str) -> String {
    what.map_or_else(|| without.to_owned(), |w| format!("{lead}{w}"))
}

fn refused(hit: &Hit, line: &str) -> String {
    let how = match hit.wording {
        "connection refused" | "econnrefused" | "connectionrefused" | "actively refused it" => {
            "connection refused"
        }
        "connection reset by peer" | "econnreset" => "connection reset",
        "no route to host" | "ehostunreach" | "network is unreachable" | "enetunreach" => {
            "no route"
        }
        _ => "",
    };
    let target = extract::target(line);
    let whose = target.as_deref().map_or("", service);
    let notes: Vec<&str> = [whose, how].into_iter().filter(|n| !n.is_empty()).collect();
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    };
    let target = target.unwrap_or_else(|| "something it depends on".to_owned());
    format!("cannot connect to {target}{notes}")
}

fn timeout(line: &str) -> String {
    let Some(target) = extract::target(line) else {
        return "something it depends on does not answer in time".to_owned();
    };
    match service(&target) {
        "" => format!("{target} does not answer in time"),
        whose => format!("{target} ({whose}) does not answer in time"),
    }
}

/// Whose port it usually is (IANA, or the project's own default).
fn service(target: &str) -> &'static str {
    match target.rsplit_once(':').map(|(_, port)| port) {
        Some("5432") => "PostgreSQL's port",
        Some("3306") => "MySQL's port",
        Some("6379") => "Redis's port",
        Some("27017") => "MongoDB's port",
        Some("5672") => "RabbitMQ's port",
        Some("9092") => "Kafka's port",
        Some("9200") => "Elasticsearch's port",
        Some("11211") => "memcached's port",
        Some("4222") => "NATS's port",
        Some("2379") => "etcd's port",
        _ => "",
    }
}

fn tls(line: &str) -> String {
    let low = line.to_ascii_lowercase();
    let why = [
        ("expired", "has expired"),
        ("not yet valid", "is not valid yet"),
        ("self-signed", "is self-signed"),
        ("self signed", "is self-signed"),
        ("unknown authority", "is signed by an unknown authority"),
        ("unknownissuer", "is signed by an unknown authority"),
        (
            "unable to get local issuer",
            "is signed by an unknown authority",
        ),
        ("pkix path", "is signed by an unknown authority"),
        (
            "verify the first certificate",
            "is signed by an unknown authority",
        ),
        ("is valid for", "is for another host name"),
        ("hostname mismatch", "is for another host name"),
        ("not valid for any names", "is for another host name"),
        (
            "does not look like a tls",
            "is missing: the peer does not speak TLS",
        ),
        ("wrong_version", "is missing: the peer does not speak TLS"),
    ];
    let why = why.iter().find(|(word, _)| low.contains(word));
    match why {
        Some((_, why)) => format!("the peer's TLS certificate {why}"),
        None => "a TLS handshake fails".to_owned(),
    }
}

fn permission(hit: &Hit, line: &str) -> String {
    let read_only = matches!(hit.wording, "read-only file system" | "erofs");
    match (extract::path(line), read_only) {
        (Some(path), true) => format!("{path} is on a read-only file system"),
        (None, true) => "it writes to a read-only file system".to_owned(),
        (Some(path), false) => format!("no permission for {path}"),
        (None, false) => "a permission is missing".to_owned(),
    }
}
