//! Secrets that must vanish (fault 59), ordinary lines that must stay. Every secret is made at run time: none is real,
//! and none stands in this file for a scanner to find.

use super::*;
use proptest::prelude::*;

const WORD: &str = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zC";
const UPPER: &str = "A2B3C4D5E6F7G2H3J4K5";
const HEX: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// `n` characters, going round in `alphabet` with a stride, so that they look random and never repeat a short period.
fn made(alphabet: &str, n: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    (0..n)
        .map(|i| letters[(i * 7 + i / letters.len() * 3) % letters.len()])
        .collect()
}

fn token(prefix: &[&str], alphabet: &str, n: usize) -> String {
    prefix.concat() + &made(alphabet, n)
}

/// One secret of each class that a shape alone gives away.
fn shaped() -> Vec<(&'static str, String)> {
    let w = |p: &[&str], n| token(p, WORD, n);
    let h = |p: &[&str], n| token(p, HEX, n);
    vec![
        ("aws-key", token(&["AK", "IA"], UPPER, 16)),
        ("aws-key", token(&["AS", "IA"], UPPER, 16)),
        ("gcp-key", w(&["AI", "za"], 35)),
        ("gcp-key", w(&["ya", "29."], 60)),
        ("gcp-key", w(&["GOC", "SPX-"], 28)),
        ("github-token", w(&["gh", "p_"], 36)),
        ("github-token", w(&["gh", "s_"], 36)),
        ("github-token", w(&["github", "_pat_"], 82)),
        ("gitlab-token", w(&["gl", "pat-"], 20)),
        ("gitlab-token", w(&["GR13", "48941"], 20)),
        ("bitbucket-token", w(&["AT", "BB"], 32)),
        ("atlassian-token", w(&["ATA", "TT3"], 180)),
        ("npm-token", w(&["np", "m_"], 36)),
        ("pypi-token", w(&["py", "pi-AgEI"], 60)),
        ("rubygems-token", h(&["ruby", "gems_"], 48)),
        ("crates-token", w(&["ci", "o"], 32)),
        ("nuget-token", w(&["oy", "2"], 43)),
        ("docker-token", w(&["dckr", "_pat_"], 27)),
        (
            "slack-token",
            w(&["xo", "xb-123456789012-123456789012-"], 24),
        ),
        ("slack-token", w(&["xa", "pp-1-A0123-456-"], 40)),
        (
            "webhook-url",
            w(&["hooks.slack", ".com/services/T0/B0/"], 24),
        ),
        ("webhook-url", w(&["discord", ".com/api/webhooks/123/"], 60)),
        ("sendgrid-key", w(&["S", "G."], 22) + "." + &made(WORD, 43)),
        ("mailgun-key", h(&["ke", "y-"], 32)),
        ("twilio-key", h(&["S", "K"], 32)),
        ("stripe-key", w(&["sk", "_live_"], 24)),
        ("stripe-key", w(&["rk", "_test_"], 24)),
        ("webhook-secret", w(&["wh", "sec_"], 32)),
        ("square-key", w(&["sq0", "csp-"], 43)),
        ("shopify-key", h(&["shp", "at_"], 32)),
        ("anthropic-key", w(&["sk", "-ant-api03-"], 90)),
        ("openai-key", w(&["sk", "-proj-"], 48)),
        ("llm-key", w(&["sk", "-"], 48)),
        ("llm-key", w(&["gs", "k_"], 52)),
        ("huggingface-token", w(&["h", "f_"], 34)),
        ("vault-token", w(&["hv", "s."], 90)),
        ("grafana-token", w(&["gl", "sa_"], 41)),
        ("newrelic-key", w(&["NR", "AK-"], 27)),
        ("sentry-token", w(&["sn", "trys_"], 80)),
        (
            "dynatrace-token",
            w(&["dt0", "c01."], 24) + "." + &made(UPPER, 64),
        ),
        ("databricks-token", h(&["da", "pi"], 32)),
        ("doppler-token", w(&["dp", ".pt."], 43)),
        ("digitalocean-key", h(&["dop", "_v1_"], 64)),
        ("pulumi-token", h(&["pu", "l-"], 40)),
        ("tailscale-key", w(&["ts", "key-auth-"], 30)),
        ("planetscale-token", w(&["pscale", "_tkn_"], 43)),
        ("age-key", token(&["AGE-SECRET", "-KEY-1"], UPPER, 58)),
        ("linear-key", w(&["lin", "_api_"], 40)),
        ("notion-token", w(&["nt", "n_"], 46)),
        ("figma-token", w(&["fi", "gd_"], 40)),
        ("postman-key", h(&["PM", "AK-"], 24) + "-" + &made(HEX, 34)),
        ("alibaba-key", w(&["LT", "AI"], 20)),
        (
            "jwt",
            w(&["ey", "J"], 33) + "." + &made(WORD, 60) + "." + &made(WORD, 43),
        ),
        ("telegram-token", w(&["123456789", ":AA"], 33)),
        (
            "terraform-token",
            made(WORD, 14) + ".atlas" + "v1." + &made(WORD, 67),
        ),
        ("token", w(&["pa", "t"], 14) + "." + &made(HEX, 64)),
        ("token", h(&[""], 32) + "-us" + "12"),
        ("azure-secret", w(&["aB1", "8Q", "~"], 34)),
    ]
}

#[test]
fn fault_59_tokens_of_known_shape_vanish_wherever_they_stand() {
    let shaped = shaped();
    let classes: std::collections::BTreeSet<_> = shaped.iter().map(|(c, _)| c).collect();
    assert!(classes.len() >= 40, "{}", classes.len());
    for (class, secret) in shaped {
        let first = format!("<{class}-1>");
        assert_eq!(raw(&secret), first, "alone: {secret}");
        for line in [
            format!("using {secret} to log in"),
            format!("it was ({secret})."),
            format!("{{\"detail\":\"{secret}\"}}"),
            format!("GET /x?y={secret}&z=1 403"),
            format!("\\nfound:\\n{secret}\\n"),
            format!("ä€😀{secret}"),
        ] {
            let clean = raw(&line);
            assert!(!clean.contains(&secret), "{class}: {line} -> {clean}");
            assert!(clean.contains(&first), "{class}: {line} -> {clean}");
        }
    }
}

#[test]
fn fault_59_a_secret_vanishes_at_whatever_byte_it_begins() {
    let hex = made(HEX, 64);
    let named = [
        ("api token is ".to_owned() + &hex, "api token is <opaque-1>"),
        ("PASSWORD=x1".to_owned(), "PASSWORD=<password-1>"),
        (
            "postgres://u:x1@db".to_owned(),
            "postgres://u:<password-1>@db",
        ),
    ];
    let shaped = shaped();
    let alone = shaped
        .into_iter()
        .map(|(class, secret)| (secret, format!("<{class}-1>")));
    let named = named.map(|(line, clean)| (line, clean.to_owned()));
    for (line, clean) in alone.chain(named) {
        for before in 0..=130 {
            let before = ". ".repeat(before / 2) + "\n".repeat(before % 2).as_str();
            assert_eq!(raw(&(before.clone() + &line)), before.clone() + &clean);
            let longer = format!("{before}{line} and so on");
            assert_eq!(raw(&longer), format!("{before}{clean} and so on"));
        }
    }
}

#[test]
fn fault_59_a_secret_in_colour_vanishes() {
    let token = token(&["gh", "p_"], WORD, 36);
    for (before, after) in [
        ("\u{1b}[31m", "\u{1b}[0m"),
        ("\u{1b}[38;5;12m", ""),
        ("\u{1b}(B\u{1b}[m", ""),
        ("\u{1b}]8;;", "\u{1b}]0;a title"),
        ("\u{1b}]8;;http://x\u{1b}\\", "\u{1b}]8;;\u{7}"),
        ("\u{1b}M", ""),
    ] {
        let clean = raw(&format!("with {before}{token}{after}\ndone"));
        assert!(!clean.contains(&token), "{before:?}: {clean}");
        assert!(clean.ends_with("\ndone"), "{before:?}: {clean}");
    }
    assert_eq!(
        raw("\u{1b}[36mpassword\u{1b}[0m=\u{1b}[33mhunter2\u{1b}[0m"),
        "password=<password-1>"
    );
    assert_eq!(raw("\u{1b}[32mfine\u{1b}[0m"), "fine");
}

#[test]
fn fault_59_a_token_that_its_middle_tells_goes_from_its_begin() {
    let (id, key) = (made(WORD, 14), made(WORD, 67));
    let terraform = [id.as_str(), ".atlas", "v1.", &key].concat();
    assert_eq!(raw(&format!("{terraform}.")), "<terraform-token-1>.");
    // What is joined to it goes with it, a token in it does too.
    let joined = format!("a-b.{}.{terraform}", token(&["gh", "p_"], WORD, 36));
    assert_eq!(raw(&joined), "<terraform-token-1>");
    let mailchimp = made(HEX, 32) + "-us7";
    assert_eq!(raw(&mailchimp), "<token-1>");
    assert_eq!(raw(&format!("x {mailchimp} y")), "x <token-1> y");
    assert_eq!(
        raw("region eu-us7 of api.atlasv1.example"),
        "region eu-us7 of api.atlasv1.example"
    );
}

#[test]
fn fault_59_what_stands_under_a_telling_name_vanishes() {
    let secret = "hun".to_owned() + "ter2-X";
    for (before, after) in [
        ("DB_PASSWORD=", ""),
        ("export PGPASSWORD='", "'"),
        ("PASSWORD = \"", "\""),
        ("{\"user\":\"bob\",\"password\":\"", "\",\"x\":1}"),
        ("{\\\"password\\\":\\\"", "\\\",\\\"x\\\":1}"),
        ("{\"client_secret\" : \"", "\"}"),
        ("{'passwd': '", "'}"),
        (":password=>\"", "\", :user=>\"x\""),
        ("spring.datasource.password: ", ""),
        ("secretKey: ", " # yaml"),
        ("Config(user=bob, password=", ", host=db)"),
        ("{Password:", " User:bob}"),
        ("<password>", "</password>"),
        ("psql: --password ", " -h db"),
        ("mysql --password=", " -h db"),
        ("Server=db;User Id=sa;Password=", ";Encrypt=true"),
        ("jdbc:mysql://db:3306/x?user=bob&password=", "&ssl=true"),
        ("redirect?next=%2F&password%3D", "%26x%3D1"),
        ("ALTER USER bob PASSWORD '", "'"),
        ("AWS_SECRET_ACCESS_KEY=", ""),
        ("aws_session_token = ", ""),
        ("AccountKey=", ";EndpointSuffix=x"),
        ("X-Api-Key: a1", ""),
        ("x-vault-token: a1", ""),
        ("Authorization: Bearer ", ""),
        ("authorization: Basic ", "\r"),
        ("\"Authorization\":[\"Bearer ", "\"]"),
        ("curl -H 'Authorization: token ", "' https://x"),
        ("Authorization: Digest username=\"bob\", response=\"", "\""),
        ("Cookie: theme=dark; session=", "; x=y"),
        ("Set-Cookie: sid=", "; HttpOnly"),
        ("{\"name\":\"DB_PASSWORD\",\"value\":\"", "\"}"),
        ("- name: API_TOKEN\n  value: ", ""),
        ("postgres://bob:", "@db:5432/shop?x=1"),
        ("amqp://bob:", "@mq"),
        ("redis://:", "@cache:6379/0"),
        ("mongodb+srv://bob:p@", "@cluster/x"),
        ("dsn bob:", "@tcp(db:3306)/shop"),
        ("unlock with passphrase: ", ""),
        ("vault secret_id=", ""),
        ("sessionId=a1", ""),
        ("signature=a1", ""),
    ] {
        let line = format!("{before}{secret}{after}");
        let clean = raw(&line);
        assert!(!clean.contains(&secret), "{line} -> {clean}");
        assert!(clean.contains("-1>"), "{line} -> {clean}");
        assert_eq!(raw(&clean), clean, "twice is once");
    }
}

#[test]
fn fault_59_a_token_goes_whole_whatever_hangs_on_to_it() {
    let clean = raw("Authorizatiin: Bearer s3cretpassword=\u{2026} and so on");
    assert_eq!(clean, "Authorizatiin: Bearer <authorization-1>… and so on");
    let clean = raw("sent Bearer 0123456789abcdef:rest, refused");
    assert_eq!(clean, "sent Bearer <authorization-1>, refused");
    for harmless in [
        "Bearer authentication(failed)",
        "Basic check2",
        "bearer token expired",
    ] {
        assert_eq!(raw(harmless), harmless);
    }
}

#[test]
fn a_password_goes_whole() {
    for (line, clean) in [
        ("PASSWORD=ab,cd)ef", "PASSWORD=<password-1>"),
        (
            "postgres://u:p@ss/w:rd@db/x",
            "postgres://u:<password-1>@db/x",
        ),
        ("password: \"a b \\\" c\"", "password: \"<password-1>\""),
        ("PASSWORD=äöü€ x", "PASSWORD=<password-1> x"),
        ("(password=q, b=c)", "(password=<password-1>, b=c)"),
    ] {
        assert_eq!(raw(line), clean);
    }
}

#[test]
fn fault_59_private_keys_vanish_over_all_their_lines() {
    let body: Vec<String> = (0..20)
        .map(|i| made(WORD, 64 - usize::from(i == 19) * 30))
        .collect();
    for name in [
        "RSA PRIVATE",
        "EC PRIVATE",
        "OPENSSH PRIVATE",
        "PRIVATE",
        "ENCRYPTED PRIVATE",
    ] {
        let begin = ["-----BEGIN ", name, " KEY-----"].concat();
        let end = ["-----END ", name, " KEY-----"].concat();
        for between in ["\n", "\\n", "\r\n", " ", "\n2026-11-21T09:00:00Z stdout F "] {
            let block = [begin.as_str(), &body.join(between), &end].join(between);
            let clean = raw(&format!("loaded:{between}{block}{between}done"));
            assert!(
                body.iter().all(|line| !clean.contains(line.as_str())),
                "{clean}"
            );
            assert!(
                clean.contains("<private-key-1>") && clean.contains("done"),
                "{clean}"
            );
        }
        let cut = format!("{begin}\n{}", body[..5].join("\n"));
        assert_eq!(raw(&cut), "<private-key-1>");
        let tail = format!("{}\n{end}\ndone", body[5..].join("\n"));
        assert_eq!(raw(&tail), "<private-key-1>\ndone");
        let (one, two) = (body[..5].join("\n"), body[5..].join("\n"));
        let glued = format!("{begin}\n{one}\n{end}{begin}\n{two}\n{end}");
        assert_eq!(raw(&glued), "<private-key-1><private-key-2>");
    }
    let public = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    assert_eq!(raw(public), public);
    let prose = "expected -----BEGIN PRIVATE KEY----- in tls.key";
    assert!(raw(prose).ends_with("in tls.key"));
}

#[test]
fn fault_59_opaque_strings_vanish_behind_a_telling_word() {
    let random = made("wJ4lrXUtnF3MI+K7MDENGbPx2RfiCY", 40);
    assert_eq!(
        raw(&format!("using key {random} for s3")),
        "using key <opaque-1> for s3"
    );
    let hex = made(HEX, 64);
    assert_eq!(
        raw(&format!("api token is {hex}")),
        "api token is <opaque-1>"
    );
    let digest = format!("token image@sha256:{hex}");
    assert_eq!(raw(&digest), digest);
}

#[test]
fn ordinary_lines_stay_as_they_are() {
    for line in [
        "",
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "dial tcp 10.96.0.12:5432: connect: connection refused",
        "FATAL: password authentication failed for user \"shop\"",
        "Access denied for user 'root'@'10.0.0.1' (using password: YES)",
        "ERROR 1045 (28000): invalid password: must not be empty",
        "secret \"db-credentials\" not found",
        "configmap \"app\" not found",
        "couldn't find key password in Secret shop/db",
        "MountVolume.SetUp failed for volume \"kube-api-access-token\" : secret \"x\" not found",
        "SyntaxError: Unexpected token: } in JSON at position 42",
        "unexpected token: newline",
        "max_tokens=4096 token_type=bearer tokens: 17",
        "token expired at 2026-11-21T09:00:00Z",
        "env API_KEY is not set",
        "missing required environment variable DATABASE_PASSWORD",
        "password=${DB_PASSWORD} token={{ .Values.token }} secret=*** password: [REDACTED]",
        "secretName: shop-tls passwordFile: /run/secrets/db",
        "Back-off pulling image \"registry.example/shop/web@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9\"",
        "pod shop/web-7d9f8b6c5d-x2k4q uid 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
        "commit 8d3f1c2b9a7e6d5c4b3a29181716151413121110",
        "at com.example.shop.payment.PaymentServiceImplementation.processPaymentRequest(PaymentService.java:142)",
        "at Object.<anonymous> (/app/node_modules/@scope/package-name/dist/index.js:10:15)",
        "   3: tokio::runtime::task::raw::RawTask::poll at /usr/local/cargo/registry/src/index.crates.io-6f17d22bba15001f/tokio-1.40.0/src/runtime/task/raw.rs:201",
        "_ZN5tokio7runtime4task3raw20try_read_output17h3b1f5d1c9ad9b7aaE",
        "GET https://api.example.com:8443/v1/users/42?page=2&sort=asc 200 12ms",
        "ssh://git@github.com/owner/repo.git",
        "mail to ops@example.com failed",
        "http://host:8080/path@version",
        "listening on [::]:8080, workers=4, keepalive: 75",
        "The key is missing in the map: shop",
        "Basic authentication is disabled; Bearer tokens are required",
        "task-risk-mask-desk finished; sk-learn loaded; monkey: banana; keyboard=us",
        "pass: 12, fail: 0, skipped: 3",
        "<none> <unknown> <redacted>",
        "git describe v1.2.3-45-g1a2b3c4 built 20261121T090000Z",
        "Keyspace shop: 0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ] {
        assert_eq!(raw(line), line);
    }
}

#[test]
fn equal_secrets_keep_one_number_across_the_evidence() {
    let (a, b) = (
        token(&["gh", "p_"], WORD, 36),
        token(&["gh", "p_"], HEX, 36),
    );
    let mut r = Redactor::default();
    assert_eq!(
        r.apply(&format!("{a} {b}")),
        "<github-token-1> <github-token-2>"
    );
    assert_eq!(r.apply(&format!("again {b}")), "again <github-token-2>");
    assert_eq!(r.count(), 2);
    assert!(!format!("{r:?}").contains(&b));
}

#[test]
fn a_token_that_was_cut_is_one_still() {
    let line = format!(
        "using {} and {}",
        "x".repeat(20),
        token(&["gh", "p_"], WORD, 36)
    );
    let cut = Text::<40>::new(&line);
    assert!(cut.as_str().ends_with('…') && cut.as_str().contains("ghp_"));
    assert!(!text(&cut).as_str().contains("ghp_"));
}

#[test]
fn hostile_texts_take_linear_time() {
    for part in [
        "a.",
        "://",
        "sk-",
        "eyJ.",
        "password=\"",
        "-----BEGIN PRIVATE KEY-----",
        "key-",
        "\"name\":",
        "@tcp(",
        "€",
        "a.atlasv1.",
        "-us1",
        "M.",
        "key ghp_abc ",
    ] {
        let text = part.repeat(64 * 1024 / part.len());
        let clean = raw(&text);
        assert!(clean.len() <= text.len() * 4);
    }
}

#[test]
fn fault_59_a_value_that_begins_like_an_escape_of_a_url_does_not_survive() {
    let clean = raw("level=info DB_password=%26#aA!A\" done");
    assert!(!clean.contains("%26#aA!A"), "{clean}");
}

proptest! {
    #[test]
    fn never_panics(text in "(password=|token: |://|@|-----BEGIN PRIVATE KEY-----|eyJ|ghp_|[ -~]|\\PC|\n){0,60}") {
        prop_assert!(raw(&raw(&text)).len() <= text.len() * 16 + 16);
    }

    #[test]
    fn fault_59_a_secret_never_survives(value in "[a-zA-Z0-9!#%^*_+~./-]{8,40}", name in "(DB_|app\\.|my-|)(password|PASSWORD|Secret|passwd)", sep in "(=|: |=\"|': '|\":\")") {
        prop_assume!(!value::is_masked(&value) && value.bytes().any(|b| b.is_ascii_alphanumeric()));
        let clean = raw(&format!("level=info {name}{sep}{value}\" done"));
        prop_assert!(!clean.contains(&value), "{}", clean);
    }
}
