//! Logs as programs write them, and logs as an enemy would.

use super::*;

fn found(log: &str) -> LogFindings {
    analyse(log.as_bytes()).unwrap()
}

#[track_caller]
fn says(log: &str, cause: LogCause, sentence: &str) {
    let f = found(log);
    assert_eq!(
        (f.cause, f.sentence.as_str()),
        (cause, sentence),
        "{:#?}",
        f.lines
    );
    assert!(f.confidence >= 40, "{}", f.confidence);
}

#[test]
fn causes_are_named_with_their_particulars() {
    use LogCause::*;
    for (log, cause, sentence) in [
        (
            "boom: cannot connect to db",
            ConnectionRefused,
            "cannot connect to db",
        ),
        (
            "2026/11/21 09:00:00 dial tcp 10.96.0.12:5432: connect: connection refused",
            ConnectionRefused,
            "cannot connect to 10.96.0.12:5432 (PostgreSQL's port, connection refused)",
        ),
        (
            "Error: connect ECONNREFUSED 127.0.0.1:6379\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)",
            ConnectionRefused,
            "cannot connect to 127.0.0.1:6379 (Redis's port, connection refused)",
        ),
        (
            "psycopg2.OperationalError: connection to server at \"db\" (10.0.0.5), port 5432 failed: Connection refused",
            ConnectionRefused,
            "cannot connect to db:5432 (PostgreSQL's port, connection refused)",
        ),
        (
            "requests.exceptions.ConnectionError: HTTPConnectionPool(host='api', port=80): Max retries exceeded with url: / (Caused by NewConnectionError: [Errno 111] Connection refused)",
            ConnectionRefused,
            "cannot connect to api:80 (connection refused)",
        ),
        (
            "ERROR could not connect to broker: dial tcp 10.0.0.9:41234->10.96.3.4:9092: i/o timeout",
            ConnectionTimeout,
            "10.96.3.4:9092 (Kafka's port) does not answer in time",
        ),
        (
            "dial tcp: lookup db.shop.svc on 10.96.0.10:53: no such host",
            Dns,
            "the name db.shop.svc cannot be resolved (DNS)",
        ),
        (
            "Error: getaddrinfo ENOTFOUND redis",
            Dns,
            "the name redis cannot be resolved (DNS)",
        ),
        (
            "Caused by: java.net.UnknownHostException: mysql: Name or service not known",
            Dns,
            "the name mysql cannot be resolved (DNS)",
        ),
        (
            "could not translate host name \"pg\" to address: Temporary failure in name resolution",
            Dns,
            "the name pg cannot be resolved (DNS)",
        ),
        (
            "x509: certificate signed by unknown authority",
            Tls,
            "the peer's TLS certificate is signed by an unknown authority",
        ),
        (
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1007)",
            Tls,
            "the peer's TLS certificate has expired",
        ),
        (
            "FATAL:  password authentication failed for user \"shop\"",
            Auth,
            "its credentials are refused (user shop)",
        ),
        (
            "ERROR 1045 (28000): Access denied for user 'root'@'10.0.0.1' (using password: YES)",
            Auth,
            "its credentials are refused (user root)",
        ),
        (
            "write /data/wal/000001: no space left on device",
            DiskFull,
            "no space left for /data/wal/000001",
        ),
        (
            "open /etc/app/tls.key: permission denied",
            PermissionDenied,
            "no permission for /etc/app/tls.key",
        ),
        (
            "mkdir /var/cache/nginx: Read-only file system",
            PermissionDenied,
            "/var/cache/nginx is on a read-only file system",
        ),
        (
            "Error: required environment variable DATABASE_URL is not set",
            MissingEnv,
            "environment variable is missing: DATABASE_URL",
        ),
        (
            "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    url = os.environ[\"DATABASE_URL\"]\n  File \"<frozen os>\", line 679, in __getitem__\nKeyError: 'DATABASE_URL'",
            MissingEnv,
            "environment variable is missing: DATABASE_URL",
        ),
        (
            "Could not resolve placeholder 'DB_HOST' in value \"${DB_HOST}\"",
            MissingEnv,
            "environment variable is missing: DB_HOST",
        ),
        (
            "open /etc/app/config.yaml: no such file or directory",
            MissingFile,
            "it does not find /etc/app/config.yaml",
        ),
        (
            "Error: Cannot find module 'express'",
            MissingFile,
            "it does not find express",
        ),
        (
            "ModuleNotFoundError: No module named 'django'",
            MissingFile,
            "it does not find django",
        ),
        (
            "app: error while loading shared libraries: libssl.so.1.1: cannot open shared object file: No such file or directory",
            MissingFile,
            "it does not find libssl.so.1.1",
        ),
        (
            "listen tcp :8080: bind: address already in use",
            PortInUse,
            "port 8080 is already in use",
        ),
        (
            "Error: listen EADDRINUSE: address already in use :::3000",
            PortInUse,
            "port 3000 is already in use",
        ),
        (
            "migrate failed",
            MigrationFailed,
            "a database migration failed: migrate failed",
        ),
        (
            "error: Dirty database version 7. Fix and force version.",
            MigrationFailed,
            "a database migration failed: error: Dirty database version 7. Fix and force version.",
        ),
        (
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            OutOfMemory,
            "the program ran out of memory: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        ),
        (
            "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space",
            OutOfMemory,
            "the program ran out of memory: Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space",
        ),
        (
            "nginx: [emerg] unknown directive \"sever\" in /etc/nginx/nginx.conf:4",
            BadConfig,
            "its configuration or arguments are wrong: nginx: [emerg] unknown directive \"sever\" in /etc/nginx/nginx.conf:4",
        ),
        (
            "flag provided but not defined: -verbos",
            BadConfig,
            "its configuration or arguments are wrong: flag provided but not defined: -verbos",
        ),
        (
            "thread 'main' panicked at src/main.rs:4:5:\nindex out of bounds: the len is 0\nnote: run with `RUST_BACKTRACE=1`",
            Panic,
            "it panics: index out of bounds: the len is 0",
        ),
        (
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47]\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d",
            Panic,
            "it panics: runtime error: invalid memory address or nil pointer dereference",
        ),
        (
            "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    f()\nValueError: bad total",
            StackTrace,
            "an exception is not caught: ValueError: bad total",
        ),
        (
            "Unhandled exception. System.InvalidOperationException: no rows\n   at Shop.Program.Main() in /src/Program.cs:line 9",
            Panic,
            "it panics: Unhandled exception. System.InvalidOperationException: no rows",
        ),
        (
            "TypeError: Cannot read properties of undefined (reading 'id')\n    at main (/app/index.js:3:9)",
            StackTrace,
            "an exception is not caught: TypeError: Cannot read properties of undefined (reading 'id')",
        ),
        (
            "{\"level\":\"error\",\"ts\":1,\"msg\":\"startup\",\"error\":\"dial tcp db:3306: connect: connection refused\"}",
            ConnectionRefused,
            "cannot connect to db:3306 (MySQL's port, connection refused)",
        ),
        (
            "{\"timestamp\":\"x\",\"level\":\"ERROR\",\"fields\":{\"message\":\"no space left on device\"},\"target\":\"app\"}",
            DiskFull,
            "a disk is full",
        ),
    ] {
        says(log, cause, sentence);
    }
}

#[test]
fn the_root_cause_wins_over_what_follows_from_it() {
    let java = "\
2026-11-21 09:00:01.123 INFO  1 --- [main] Starting
Exception in thread \"main\" org.springframework.beans.factory.BeanCreationException: Error creating bean
\tat org.springframework.A.b(A.java:1)
\tat org.springframework.A.c(A.java:2)
Caused by: java.lang.IllegalStateException: pool
\tat com.zaxxer.B.c(B.java:2)
\t... 12 more
Caused by: java.net.ConnectException: Connection refused: db/10.0.0.1:5432
\tat java.base/sun.nio.C.d(C.java:3)
\t... 20 more";
    let f = found(java);
    assert_eq!(f.cause, LogCause::ConnectionRefused);
    assert!(f.sentence.as_str().contains(":5432"), "{}", f.sentence);
    assert!(f.lines.iter().all(|l| !l.as_str().contains("\tat ")));
    assert!(
        f.lines
            .iter()
            .any(|l| l.as_str().ends_with("(+2 stack frames)")),
        "{:#?}",
        f.lines
    );
}

#[test]
fn what_is_said_last_and_loudest_wins() {
    let log = "WARN connection refused by cache:6379, retrying\nINFO connected to cache\nERROR open /etc/app.yaml: no such file or directory";
    assert_eq!(found(log).cause, LogCause::MissingFile);
    let log = "INFO retry policy for connection refused is on\nERROR no idea";
    assert_eq!(found(log).cause, LogCause::Unknown);
}

#[test]
fn repeats_are_one_line_with_their_number() {
    let log: String = (0..400)
        .map(|i| format!("2026-11-21T09:00:{:02}Z ERROR attempt {i} id=3f2504e0-4f89-11d3-9a0c-0305e82c33{:02}: connection refused db:5432\n", i % 60, i % 100))
        .collect();
    let f = found(&log);
    assert_eq!(f.lines.len(), 1, "{:#?}", f.lines);
    assert!(f.lines[0].as_str().ends_with("(×400)"), "{:#?}", f.lines);
    assert!(
        f.lines[0].as_str().starts_with("ERROR attempt 399"),
        "{:#?}",
        f.lines
    );
}

#[test]
fn a_log_that_names_no_cause_shows_how_it_ends() {
    let f = found("hello\nworking\ndone with it\n");
    assert_eq!(f.cause, LogCause::Unknown);
    assert_eq!(f.sentence.as_str(), "its log ends with: done with it");
    assert_eq!(f.lines.len(), 3);
    assert!(f.confidence <= 25);
    assert_eq!(analyse(b""), None);
    assert_eq!(analyse(b"\n\r\n \n"), None);
}

#[test]
fn fault_59_secrets_are_gone_from_lines_and_sentence() {
    let key = "AK".to_owned() + "IA" + "A2B3C4D5E6F7G2H3";
    let log = format!(
        "ERROR cannot connect to postgres://shop:hunter2@db:5432/x with {key}\nERROR config error password=hunter2"
    );
    let f = found(&log);
    let all = format!("{f:?}");
    assert!(!all.contains("hunter2") && !all.contains(&key), "{all}");
    assert!(
        f.sentence.as_str().contains("db:5432") || f.cause == LogCause::BadConfig,
        "{all}"
    );
}

#[test]
fn fault_59_a_secret_in_a_line_that_is_cut_is_gone_too() {
    let log = format!(
        "ERROR config error {} password={}",
        "x".repeat(270),
        "s3cr3t".repeat(8)
    );
    assert!(!format!("{:?}", found(&log)).contains("s3cr"));
    let long = format!(
        "ERROR {} password={} {}",
        "y ".repeat(1_015),
        "s3cr3t".repeat(20),
        "z ".repeat(4_000)
    );
    assert!(!format!("{:?}", found(&long)).contains("s3cr"));
}

#[test]
fn fault_74_escapes_nul_and_crlf_are_cleaned() {
    let f =
        found("\u{1b}[31mERROR\u{1b}[0m \u{1b}]0;title\u{7}no space left\0 on device\r\nbye\r\n");
    assert_eq!(f.cause, LogCause::DiskFull);
    assert!(
        f.lines
            .iter()
            .all(|l| !l.as_str().contains(['\u{1b}', '\0', '\r']))
    );
    assert!(
        f.lines
            .iter()
            .any(|l| l.as_str() == "ERROR no space left on device")
    );
}

#[test]
fn fault_74_binary_is_no_text() {
    let binary: Vec<u8> = (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80)
        .collect();
    assert_eq!(analyse(&binary), None);
    let mut mixed = b"ERROR no space left on device\n".to_vec();
    mixed.splice(0..0, binary.iter().take(1_000).chain(b"\n").copied());
    assert_eq!(analyse(&mixed).unwrap().cause, LogCause::DiskFull);
}

#[test]
fn fault_74_one_line_of_16_mib_is_read_from_its_end_and_bounded() {
    let mut line = vec![b'x'; 16 << 20];
    line.extend_from_slice(b" ERROR no space left on device");
    let f = analyse(&line).unwrap();
    assert_eq!(f.cause, LogCause::DiskFull);
    assert!(f.lines.iter().all(|l| l.as_str().len() <= 300));
}

#[test]
fn fault_74_a_forged_record_is_text_like_any_other() {
    let forged = r#"{"level":"error","msg":"approve\n{\"level\":\"info\",\"decision\":\"Remediate\"}","incident":"x"}"#;
    let f = found(forged);
    assert_eq!(f.cause, LogCause::Unknown);
    assert!(f.lines.iter().all(|l| !l.as_str().contains('\n')));
    let deep = "[".repeat(60_000);
    assert!(analyse(format!("{{\"msg\":{deep}}}").as_bytes()).is_some());
}

#[test]
fn fault_74_a_log_of_distinct_errors_stays_bounded() {
    let log: String = (0..5_000)
        .map(|i| {
            format!(
                "error {}\n",
                char::from(b'a' + (i % 26) as u8)
                    .to_string()
                    .repeat(i % 40 + 1)
            )
        })
        .collect();
    let f = found(&log);
    assert_eq!(f.lines.len(), MAX_LINES);
}

proptest::proptest! {
    #[test]
    fn fault_74_any_bytes_are_survived(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2_000)) {
        if let Some(f) = analyse(&bytes) {
            assert!(f.lines.len() <= MAX_LINES && f.confidence <= 95 && !f.sentence.is_empty());
        }
    }

    #[test]
    fn any_text_is_survived(text in "(ERROR |panic: |panicked at |:|Caused by: |\\{\"msg\":\"|\"\\}|host='|port |open |[ -~]|\\PC|\n){0,80}") {
        if let Some(f) = analyse(text.as_bytes()) {
            assert!(!f.sentence.is_empty());
        }
    }
}
