//! The wordings: one table, searched by one automaton that is built when the first log is read (about 60 KiB).

use super::line::{Level, Line};
use crate::observation::LogCause::{self, *};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// What a line was recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) cause: LogCause,
    /// How much it tells, in percent.
    pub(super) weight: i32,
    /// The wording, in lower case.
    pub(super) wording: &'static str,
}

/// Cause, weight, wordings in lower case. The weight says how surely the wording means the cause, and that the cause is
/// a root and not a consequence: a panic because of a refused connection is a refused connection.
#[rustfmt::skip]
const TABLE: &[(LogCause, i32, &[&str])] = &[
    (ConnectionRefused, 90, &["connection refused", "econnrefused", "connectionrefused", "actively refused it"]),
    (ConnectionRefused, 70, &["connection reset by peer", "econnreset", "no route to host", "ehostunreach", "network is unreachable", "enetunreach", "communications link failure"]),
    (ConnectionRefused, 66, &["cannot connect to", "can't connect to", "could not connect to", "failed to connect to", "unable to connect to", "couldn't connect to", "error connecting to", "connection to server at", "cannot reach", "no reachable servers", "brokers are down", "nobrokersavailable"]),
    (ConnectionTimeout, 84, &["i/o timeout", "connection timed out", "etimedout", "connect timeout", "connection timeout", "connecttimeout", "connectiontimeout", "connect timed out", "dial timeout", "timed out connecting", "serverselectiontimeout"]),
    (ConnectionTimeout, 62, &["context deadline exceeded", "deadline_exceeded", "read timed out", "request timed out", "operation timed out", "timeout exceeded", "read timeout", "timeouterror"]),
    (Dns, 92, &["no such host", "enotfound", "eai_again", "name or service not known", "temporary failure in name resolution", "unknownhostexception", "could not translate host name", "nodename nor servname", "name does not resolve", "getaddrinfo failed", "could not resolve host", "failed to lookup address", "unknown host", "server misbehaving", "nxdomain", "dns error"]),
    (Tls, 91, &["x509:", "certificate verify failed", "certificate_verify_failed", "certificate has expired", "self-signed certificate", "self signed certificate", "unable to verify the first certificate", "unknown authority", "pkix path building failed", "sslhandshakeexception", "tls handshake", "tls: ", "ssl routines", "ssl: wrong_version", "unknownissuer", "invalid peer certificate", "certificate is not valid", "handshake failure", "first record does not look like a tls"]),
    (Auth, 90, &["password authentication failed", "access denied for user", "authentication failed", "authenticationfailed", "invalid credentials", "wrongpass", "noauth authentication required", "invalid username or password", "invalid username-password", "login failed for user", "no pg_hba.conf entry", "sasl authentication"]),
    (Auth, 76, &["401 unauthorized", "403 forbidden", "status 401", "status code 401", "statuscode=401", "statuscode: 401", "invalid api key", "invalid_api_key", "incorrect api key", "invalidclienttokenid", "signaturedoesnotmatch", "expiredtoken", "invalid_grant", "invalid token", "token has expired", "token is expired", "accessdenied", "unauthorizedexception", "permission_denied", "unauthenticated", "permission denied for table", "permission denied for schema", "is forbidden: user"]),
    (DiskFull, 94, &["no space left on device", "enospc", "disk quota exceeded", "edquot", "disk full", "disk is full", "not enough space on the disk", "could not extend file"]),
    (PermissionDenied, 82, &["permission denied", "eacces", "permissionerror", "accessdeniedexception", "access is denied", "unauthorizedaccessexception"]),
    (PermissionDenied, 78, &["operation not permitted", "eperm", "read-only file system", "erofs"]),
    (MissingEnv, 93, &["environment variable", "environment variables", "env var ", "missing env", "required env", "env not set", "environ[", "environ.py", "missing value for env", "envconfig", "could not resolve placeholder", "environment not set"]),
    (MissingEnv, 64, &["required key", "must be set", "is not set", "not set in env", "keyerror: '"]),
    (MissingFile, 84, &["no such file or directory", "enoent", "filenotfounderror", "filenotfoundexception", "nosuchfileexception", "file not found", "cannot find the file", "could not find file", "cannot open shared object file", "error while loading shared libraries"]),
    (MissingFile, 88, &["cannot find module", "modulenotfounderror", "no module named", "err_module_not_found", "classnotfoundexception", "noclassdeffounderror", "could not find or load main class", "unable to access jarfile", "cannot load such file", "could not open input file", "can't open file"]),
    (PortInUse, 94, &["address already in use", "eaddrinuse", "addrinuse", "address in use", "port is already allocated", "port is already in use", "was already in use", "only one usage of each socket address", "failed to bind to port", "address localhost:"]),
    (MigrationFailed, 87, &["migration failed", "migrations failed", "migrate failed", "failed to migrate", "failed to run migration", "failed to apply migration", "error running migration", "could not run migration", "migration error", "dirty database version", "pending migration", "flywayexception", "flyway migrate", "liquibaseexception", "alembic.util", "migrationexecutionexception", "p3009", "p3018", "prisma migrate"]),
    (MigrationFailed, 60, &["no such table", "relation \"", "doesn't exist in engine", "undefinedtable", "unknown column", "undefined column", "table or view does not exist"]),
    (OutOfMemory, 93, &["outofmemoryerror", "heap out of memory", "javascript heap", "runtime: out of memory", "out of memory", "cannot allocate memory", "memoryerror", "bad_alloc", "enomem", "outofmemoryexception", "memory allocation of", "allocation failed", "oom-kill", "gc overhead limit"]),
    (BadConfig, 83, &["invalid configuration", "configuration error", "config error", "invalid config", "failed to load config", "failed to parse config", "error loading config", "error parsing config", "unable to load config", "could not load config", "bad configuration", "configuration file", "configurationexception", "improperlyconfigured", "validation of configuration", "yaml: line", "error converting yaml", "yaml: unmarshal", "toml parse error", "error in config", "unknown directive", "configuration property", "beancreationexception"]),
    (BadConfig, 70, &["unknown flag", "flag provided but not defined", "unrecognized argument", "unrecognized option", "unknown option", "unexpected argument", "invalid option", "unknown field", "missing required option", "missing required argument", "required option", "invalid value", "invalid argument", "unknown command", "zoderror", "must be one of", "jsondecodeerror"]),
    (Panic, 64, &["panicked at", "panic: ", "fatal error: ", "segmentation fault", "sigsegv", "core dumped", "stack overflow", "stackoverflowerror", "assertion failed", "assertionerror", "terminate called after throwing", "fatal exception", "unhandled exception", "uncaught exception", "uncaughtexception", "unhandledrejection", "unhandled promise rejection", "unhandled rejection", "nil pointer dereference", "nullpointerexception", "nullreferenceexception", "illegal instruction", "double free", "a fatal error has been detected by the java runtime"]),
    (StackTrace, 55, &["traceback (most recent call last)", "exception in thread", "caused by: "]),
    (Unknown, 20, &["fatal", "error", "exception", "failed", "failure", "cannot", "can't", "could not", "unable to", "aborted", "abort", "critical", "killed", "exiting", "giving up", "terminated", "refused", "rejected"]),
];

/// The exception's name alone tells little; where it stands as a line of its own, it ends the program.
const EXCEPTION: i32 = 58;
/// No name of an error number is longer (`ECONNREFUSED`).
const ERRNO: usize = 12;
/// The innermost cause of a chain of exceptions.
const CAUSED_BY: i32 = 6;

static WORDINGS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let wordings = TABLE.iter().flat_map(|(_, _, w)| w.iter());
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .prefilter(false)
        .build(wordings)
        .ok()
});

/// The row of a wording by its number in the automaton.
fn row(number: usize) -> Option<Hit> {
    let mut left = number;
    for (cause, weight, wordings) in TABLE {
        match wordings.get(left) {
            Some(wording) => {
                return Some(Hit {
                    cause: *cause,
                    weight: *weight,
                    wording,
                });
            }
            None => left -= wordings.len(),
        }
    }
    None
}

/// The most telling wording of a line, weighed by the line's level.
pub(super) fn best(line: &Line<'_>) -> Option<Hit> {
    if line.frame {
        return None;
    }
    let found = WORDINGS.as_ref().and_then(|all| {
        let hits = all.find_overlapping_iter(line.text.as_ref());
        let hits = hits.filter_map(|m| Some((m.start(), row(m.pattern().as_usize())?)));
        hits.filter(|(at, hit)| fits(hit, &line.text, *at))
            .map(|(_, hit)| hit)
            .max_by_key(|h| h.weight)
    });
    let exception = super::extract::exception(&line.text).map(|name| Hit {
        cause: StackTrace,
        weight: EXCEPTION,
        wording: if name.is_empty() { "" } else { "exception" },
    });
    let mut hit = match (found, exception) {
        (Some(f), Some(e)) => {
            if f.weight >= e.weight {
                f
            } else {
                e
            }
        }
        (f, e) => f.or(e)?,
    };
    if line.text.starts_with("Caused by") {
        hit.weight += CAUSED_BY;
    }
    hit.weight += match line.level {
        // What is logged as information is told in passing, and seldom dies of it.
        Level::Low => -45,
        Level::Warning => -8,
        Level::Unsaid => 0,
        Level::Error if hit.cause == Unknown => 15,
        Level::Error => 2,
    };
    (hit.weight > 0).then_some(hit)
}

/// Wordings that mean their cause only with a second one.
fn fits(hit: &Hit, text: &str, at: usize) -> bool {
    // `ENOTFOUND` is an error number, `ModuleNotFoundError` is not.
    let number = hit.wording.starts_with('e') && hit.wording.len() <= ERRNO && hit.cause != Unknown;
    let before = at.checked_sub(1).and_then(|i| text.as_bytes().get(i));
    if number && before.is_some_and(u8::is_ascii_alphanumeric) {
        return false;
    }
    let low = || text.to_ascii_lowercase();
    match hit.wording {
        // `relation "x" does not exist`
        "relation \"" => low().contains("does not exist"),
        "environment variable" | "environment variables" | "env var " | "configuration file" => {
            let low = low();
            let wrong = [
                "missing",
                "not set",
                "required",
                "unset",
                "not found",
                "must",
                "empty",
                "undefined",
                "invalid",
                "no such",
                "expected",
                "not defined",
                "cannot",
                "could not",
                "failed",
                "error",
            ];
            wrong.iter().any(|w| low.contains(w))
        }
        "must be set" | "is not set" | "required key" => super::extract::env_name(text).is_some(),
        "keyerror: '" => super::extract::env_name(text).is_some(),
        "address localhost:" => low().contains("in use"),
        "tls: " => {
            low().contains("tls: failed") || low().contains("error") || low().contains("bad")
        }
        _ => true,
    }
}
