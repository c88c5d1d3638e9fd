//! A corpus of secrets and one of ordinary lines, made at run time from seeds: no value here is real, and none stands in a
//! committed file for a scanner to find.
#![allow(dead_code, unreachable_pub, reason = "each user takes what it needs")]

/// A small generator (splitmix64): the same seed, the same corpus.
pub struct Random(u64);

pub const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub const HEX: &str = "0123456789abcdef";
pub const DIGITS: &str = "0123456789";
pub const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
pub const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// `n` characters of `alphabet`.
    pub fn of(&mut self, alphabet: &str, n: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..n)
            .map(|_| char::from(letters[self.below(letters.len() as u64) as usize]))
            .collect()
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    pub fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|n| self.of(HEX, n)).join("-")
    }
}

/// A text with a secret in it.
pub struct Case {
    pub class: &'static str,
    /// What must not be left of it.
    pub secret: String,
    pub text: String,
}

/// The classes that their shape alone gives away: name, prefix in two halves, alphabet, length.
type Shape = (&'static str, [&'static str; 2], &'static str, usize);

#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    ("aws-access-key", ["AK", "IA"], UPPER, 16),
    ("aws-session-key", ["AS", "IA"], UPPER, 16),
    ("gcp-api-key", ["AI", "za"], WORD, 35),
    ("gcp-oauth", ["ya", "29."], WORD, 60),
    ("gcp-client-secret", ["GOC", "SPX-"], WORD, 28),
    ("github-pat", ["gh", "p_"], WORD, 36),
    ("github-app", ["gh", "s_"], WORD, 36),
    ("github-fine-grained", ["github", "_pat_"], WORD, 82),
    ("gitlab-pat", ["gl", "pat-"], WORD, 20),
    ("bitbucket", ["AT", "BB"], WORD, 32),
    ("atlassian", ["ATA", "TT3"], WORD, 186),
    ("npm", ["np", "m_"], LOWER, 36),
    ("pypi", ["pypi-", "AgEIcHlwaS5vcmc"], WORD, 70),
    ("rubygems", ["ruby", "gems_"], HEX, 48),
    ("docker-pat", ["dckr", "_pat_"], WORD, 27),
    ("slack-bot", ["xo", "xb-123456789012-123456789012-"], WORD, 24),
    ("slack-app", ["xa", "pp-1-A0123456789-1234567890123-"], HEX, 64),
    ("slack-webhook", ["https://hooks.slack", ".com/services/T0123456789/B0123456789/"], WORD, 24),
    ("discord-webhook", ["https://discord", ".com/api/webhooks/123456789012345678/"], WORD, 68),
    ("mailgun", ["ke", "y-"], HEX, 32),
    ("twilio", ["S", "K"], HEX, 32),
    ("stripe-live", ["sk", "_live_"], WORD, 24),
    ("stripe-restricted", ["rk", "_live_"], WORD, 24),
    ("webhook-signing", ["wh", "sec_"], WORD, 32),
    ("square", ["sq0", "csp-"], WORD, 43),
    ("shopify", ["shp", "at_"], HEX, 32),
    ("anthropic", ["sk", "-ant-api03-"], WORD, 93),
    ("openai-project", ["sk", "-proj-"], WORD, 74),
    ("openai-old", ["sk", "-"], WORD, 48),
    ("groq", ["gs", "k_"], WORD, 52),
    ("huggingface", ["h", "f_"], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 34),
    ("vault", ["hv", "s."], WORD, 95),
    ("grafana", ["gl", "sa_"], WORD, 41),
    ("newrelic", ["NR", "AK-"], UPPER, 27),
    ("databricks", ["da", "pi"], HEX, 32),
    ("doppler", ["dp", ".pt."], WORD, 43),
    ("digitalocean", ["dop", "_v1_"], HEX, 64),
    ("pulumi", ["pu", "l-"], HEX, 40),
    ("tailscale", ["ts", "key-auth-"], WORD, 30),
    ("planetscale", ["pscale", "_tkn_"], WORD, 43),
    ("age", ["AGE-SECRET", "-KEY-1"], "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    ("linear", ["lin", "_api_"], WORD, 40),
    ("figma", ["fi", "gd_"], WORD, 40),
    ("postman", ["PM", "AK-"], HEX, 59),
    ("alibaba", ["LT", "AI"], WORD, 20),
    ("sentry-user", ["sntr", "yu_"], HEX, 64),
];

/// Where a token of known shape may stand; `@` is the token.
const AROUND: [&str; 10] = [
    "@",
    "ERROR request with @ was refused",
    "2026-11-21T09:00:00Z INFO client ready (@).",
    "{\"level\":\"info\",\"detail\":\"@\"}",
    "- value: @",
    "GET /callback?state=1&x=@&y=2 HTTP/1.1 403",
    "panic: bad credentials: @",
    "INTEGRATION=@",
    "command: [\"./run\", \"--auth\", \"@\"]",
    "Zugang verweigert für »@« – bitte prüfen",
];

/// What tells by its name or place; `@` is the secret.
const NAMED: [(&str, &[&str]); 12] = [
    (
        "env-password",
        &[
            "DB_PASSWORD=@",
            "export PGPASSWORD='@'",
            "MYSQL_ROOT_PASSWORD=\"@\"",
            "env: REDIS_PASSWORD=@ PORT=1",
            "SMTP_PASSWD=@",
        ],
    ),
    (
        "json-password",
        &[
            "{\"user\":\"bob\",\"password\":\"@\"}",
            "{\\\"password\\\":\\\"@\\\",\\\"x\\\":1}",
            "{\"db\":{\"passwd\" : \"@\"}}",
            "{'password': '@', 'ok': False}",
            "{\"name\":\"DB_PASSWORD\",\"value\":\"@\"}",
        ],
    ),
    (
        "yaml-secret",
        &[
            "client_secret: @",
            "secretKey: @ # yaml",
            "- name: API_TOKEN\n  value: @",
            "spring.datasource.password: @",
            "stringData:\n  password: '@'",
        ],
    ),
    (
        "dsn-url",
        &[
            "postgres://shop:@@db:5432/shop",
            "dial amqp://u:@@mq:5672/",
            "mongodb+srv://u:@@cluster/x?retry=1",
            "redis://:@@cache:6379/0",
            "https://bob:@@git.example/x.git",
        ],
    ),
    (
        "dsn-go-mysql",
        &[
            "dsn shop:@@tcp(db:3306)/shop",
            "open shop:@@tcp(10.0.0.1:3306)/x?parseTime=true",
            "DSN=shop:@@tcp(db)/s",
            "(shop:@@unix(/run/mysqld.sock)/s)",
            "\"shop:@@tcp(db:3306)/s\"",
        ],
    ),
    (
        "connection-string",
        &[
            "Server=db;User Id=sa;Password=@;Encrypt=true",
            "host=db user=shop password=@ dbname=shop",
            "jdbc:mysql://db/x?user=bob&password=@&ssl=true",
            "AccountName=x;AccountKey=@;EndpointSuffix=core",
            "Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey=@",
        ],
    ),
    (
        "http-authorization",
        &[
            "Authorization: Bearer @",
            "authorization: Basic @",
            "\"Authorization\":[\"Bearer @\"]",
            "curl -H 'Authorization: token @' https://x",
            "> Proxy-Authorization: Basic @",
        ],
    ),
    (
        "http-cookie",
        &[
            "Cookie: theme=dark; session=@; x=y",
            "Set-Cookie: sid=@; HttpOnly",
            "cookie: @",
            "< set-cookie: a=@",
            "\"Cookie\": \"id=@\"",
        ],
    ),
    (
        "http-api-key",
        &[
            "X-Api-Key: @",
            "x-vault-token: @",
            "api_key=@",
            "?apikey=@&z=1",
            "\"x-auth-token\":\"@\"",
        ],
    ),
    (
        "flag",
        &[
            "run --password @ --host db",
            "--password=@",
            "--api-key=@ -v",
            "exec: [app --client-secret @]",
            "mysql --password=@ shop",
        ],
    ),
    (
        "sql-password",
        &[
            "ALTER USER bob PASSWORD '@'",
            "CREATE ROLE x LOGIN PASSWORD '@'",
            "ALTER ROLE x WITH PASSWORD '@';",
            "statement: CREATE USER x WITH PASSWORD '@'",
            "set password='@'",
        ],
    ),
    (
        "aws-secret-key",
        &[
            "AWS_SECRET_ACCESS_KEY=@",
            "aws_secret_access_key = @",
            "secretAccessKey: @",
            "\"SecretAccessKey\" : \"@\"",
            "AWS_SESSION_TOKEN=@",
        ],
    ),
];

/// About `rounds` times five cases of each class.
pub fn cases(random: &mut Random, rounds: usize) -> Vec<Case> {
    let mut all = Vec::new();
    let mut put = |class, secret: String, form: &str| {
        // In a form with an address, `@@` is the secret and the sign behind it.
        let text = match form.split_once("@@") {
            Some((a, b)) => format!("{a}{secret}@{b}"),
            None => form.replacen('@', &secret, 1),
        };
        all.push(Case {
            class,
            secret,
            text,
        });
    };
    for round in 0..rounds * 5 {
        let around = AROUND[round % AROUND.len()];
        for (class, prefix, alphabet, length) in SHAPES {
            put(
                class,
                prefix.concat() + &random.of(alphabet, *length),
                around,
            );
        }
        let jwt = format!(
            "ey{}.ey{}.{}",
            "J".to_owned() + &random.of(WORD, 33),
            "J".to_owned() + &random.of(WORD, 60),
            random.of(WORD, 43)
        );
        put("jwt", jwt, around);
        put(
            "sendgrid",
            format!("S{}.{}.{}", "G", random.of(WORD, 22), random.of(WORD, 43)),
            around,
        );
        put(
            "telegram",
            format!(
                "{}:A{}",
                random.of("123456789", 9),
                "A".to_owned() + &random.of(WORD, 33)
            ),
            around,
        );
        put(
            "terraform",
            format!(
                "{}.atlas{}.{}",
                random.of(WORD, 14),
                "v1",
                random.of(WORD, 67)
            ),
            around,
        );
        put(
            "azure-client-secret",
            format!(
                "{}{}Q~{}",
                random.of(WORD, 3),
                random.of(DIGITS, 1),
                random.of(WORD, 34)
            ),
            around,
        );
        for (class, forms) in NAMED {
            let secret = match class {
                "aws-secret-key" => random.of(BASE64, 40),
                "env-password" | "json-password" | "flag" => {
                    random.of(WORD, 10) + random.pick(&["!", "#x", "-9", "_q", "%z", ""])
                }
                _ => random.of(WORD, 20),
            };
            put(class, secret, forms[round % forms.len()]);
        }
        let name = random.pick(&["RSA PRIVATE", "EC PRIVATE", "OPENSSH PRIVATE", "PRIVATE"]);
        let body: Vec<String> = (0..8).map(|_| random.of(BASE64, 64)).collect();
        let between = ["\n", "\\n", "\r\n", " ", "\n2026-11-21T09:00:00Z stdout F "][round % 5];
        let begin = ["-----BEGIN ", name, " KEY-----"].concat();
        let end = ["-----END ", name, " KEY-----"].concat();
        let block = format!("key: {begin}{between}{}{between}{end}", body.join(between));
        all_push_pem(&mut put, body, &block, round);
    }
    all
}

/// A private key: what must be gone is a line of its body.
fn all_push_pem(
    put: &mut impl FnMut(&'static str, String, &str),
    body: Vec<String>,
    block: &str,
    round: usize,
) {
    let line = body.get(round % body.len()).cloned().unwrap_or_default();
    put("private-key", line.clone(), &block.replacen(&line, "@", 1));
}

/// Ordinary lines that hold no secret, of each kind a few; the kind comes first.
pub fn ordinary(r: &mut Random) -> Vec<(&'static str, String)> {
    let ip = format!("10.{}.{}.{}", r.below(255), r.below(255), r.below(255));
    let (ms, port, id) = (r.below(5000), 1024 + r.below(60000), r.below(100_000));
    let path = r.pick(&[
        "/api/v1/users",
        "/healthz",
        "/static/js/main.8f3a1c.chunk.js",
        "/orders/42/items",
        "/login",
    ]);
    let svc = r.pick(&[
        "api",
        "web",
        "payment-worker",
        "auth-service",
        "token-gateway",
        "inventory",
    ]);
    let (hash, sha, uuid) = (r.of(HEX, 40), r.of(HEX, 64), r.uuid());
    let t = format!(
        "2026-11-21T09:{:02}:{:02}.{:03}Z",
        r.below(60),
        r.below(60),
        r.below(1000)
    );
    let rs = format!(
        "{svc}-{}-{}",
        r.of("bcdfghjklmnpqrstvwxz2456789", 9),
        r.of("bcdfghjklmnpqrstvwxz2456789", 5)
    );
    vec![
        (
            "nginx",
            format!(
                "{ip} - - [21/Nov/2026:09:00:01 +0000] \"GET {path}?page={id}&sort=asc HTTP/1.1\" 200 {ms} \"https://shop.example.com{path}\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\""
            ),
        ),
        (
            "nginx",
            format!(
                "2026/11/21 09:00:01 [error] 29#29: *{id} connect() failed (111: Connection refused) while connecting to upstream, client: {ip}, server: shop.example.com, request: \"POST {path} HTTP/1.1\", upstream: \"http://{ip}:{port}{path}\""
            ),
        ),
        (
            "java",
            format!(
                "{t} ERROR [{svc},{},{}] 1 --- [nio-8080-exec-{}] c.e.shop.payment.PaymentServiceImplementation : Could not open JDBC Connection",
                r.of(HEX, 32),
                r.of(HEX, 16),
                r.below(20)
            ),
        ),
        (
            "java",
            format!(
                "\tat org.springframework.security.authentication.UsernamePasswordAuthenticationToken.check(UsernamePasswordAuthenticationToken.java:{})",
                r.below(900)
            ),
        ),
        (
            "java",
            format!(
                "Caused by: java.net.ConnectException: Connection refused: db.shop.svc.cluster.local/{ip}:{port}"
            ),
        ),
        (
            "go",
            format!(
                "time=\"{t}\" level=error msg=\"failed to list *v1.Secret\" error=\"Get \\\"https://{ip}:443/api/v1/namespaces/shop/secrets?limit=500&resourceVersion=0\\\": dial tcp {ip}:443: i/o timeout\""
            ),
        ),
        (
            "go",
            format!(
                "goroutine {id} [running]: main.(*Server).handleToken(0xc000{}, 0x{})",
                r.of(HEX, 6),
                r.of(HEX, 12)
            ),
        ),
        (
            "go",
            format!(
                "{{\"level\":\"info\",\"ts\":{}.{ms},\"caller\":\"auth/token.go:{}\",\"msg\":\"token refreshed\",\"service\":\"{svc}\",\"requestID\":\"{uuid}\"}}",
                1_700_000_000 + id,
                r.below(400)
            ),
        ),
        (
            "python",
            format!(
                "  File \"/usr/local/lib/python3.12/site-packages/django/contrib/auth/password_validation.py\", line {}, in validate_password",
                r.below(900)
            ),
        ),
        (
            "python",
            format!(
                "{t} - {svc} - WARNING - retry {}/5 in {}.{}s: HTTPConnectionPool(host='{svc}', port={port}): Max retries exceeded with url: {path}",
                r.below(5),
                r.below(9),
                r.below(99)
            ),
        ),
        ("python", "KeyError: 'password'".to_owned()),
        (
            "k8s",
            format!("Back-off restarting failed container {svc} in pod {rs}_shop({uuid})"),
        ),
        (
            "k8s",
            format!(
                "Successfully pulled image \"registry.example.com/shop/{svc}@sha256:{sha}\" in {ms}ms (1.2s including waiting). Image size: {id} bytes."
            ),
        ),
        (
            "k8s",
            format!(
                "MountVolume.SetUp failed for volume \"kube-api-access-{}\" : secret \"{svc}-token\" not found",
                r.of("bcdfghjklmnpqrstvwxz", 5)
            ),
        ),
        (
            "k8s",
            format!(
                "I1121 09:00:01.{id:06}       1 leaderelection.go:{}] successfully acquired lease shop/{svc}-lock",
                r.below(400)
            ),
        ),
        (
            "k8s",
            format!(
                "E1121 09:00:01.{id:06} 1 reflector.go:158] \"Unhandled Error\" err=\"k8s.io/client-go/informers/factory.go:160: Failed to watch *v1.Node: unknown (get nodes)\" logger=\"UnhandledError\""
            ),
        ),
        (
            "postgres",
            format!(
                "2026-11-21 09:00:01.{:03} UTC [{id}] FATAL:  password authentication failed for user \"shop\"",
                r.below(1000)
            ),
        ),
        (
            "postgres",
            format!(
                "2026-11-21 09:00:01.{:03} UTC [{id}] LOG:  duration: {ms}.{} ms  statement: SELECT id, token_type FROM sessions WHERE id = {id}",
                r.below(1000),
                r.below(999)
            ),
        ),
        (
            "postgres",
            format!(
                "2026-11-21 09:00:01 UTC [{id}] ERROR:  duplicate key value violates unique constraint \"users_pkey\" DETAIL:  Key (id)=({id}) already exists."
            ),
        ),
        (
            "uuid",
            format!(
                "trace_id={} span_id={} correlation={uuid} user={id}",
                r.of(HEX, 32),
                r.of(HEX, 16)
            ),
        ),
        (
            "uuid",
            format!("request {uuid} finished with 200 in {ms}ms"),
        ),
        (
            "hash",
            format!("HEAD is now at {hash} Merge pull request #{id}"),
        ),
        (
            "hash",
            format!(
                "layer sha256:{sha}: Pull complete; etag \"{}\"",
                r.of(HEX, 32)
            ),
        ),
        ("hash", format!("{sha}  dist/{svc}-linux-amd64.tar.gz")),
        (
            "base64",
            format!(
                "icon: data:image/png;base64,iVBORw0KGgo{}=",
                r.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ/", 30)
            ),
        ),
        (
            "url",
            format!("GET https://api.example.com:{port}{path}?cursor={id}&limit=50 {ms}ms"),
        ),
        (
            "url",
            format!("clone https://github.com/example/{svc}.git @ refs/heads/main ({hash})"),
        ),
        (
            "ip",
            format!(
                "listening on [::]:{port}, peer {ip}:{port}, fd00::{}:{}",
                r.of(HEX, 4),
                r.of(HEX, 4)
            ),
        ),
        (
            "node",
            format!(
                "    at TokenStore.refresh (/app/node_modules/@scope/auth-key/dist/index.js:{}:{})",
                r.below(900),
                r.below(90)
            ),
        ),
        (
            "node",
            format!("SyntaxError: Unexpected token }} in JSON at position {id}"),
        ),
        (
            "rust",
            format!(
                "  {}: tokio::runtime::task::raw::RawTask::poll at /usr/local/cargo/registry/src/index.crates.io-{}/tokio-1.40.0/src/runtime/task/raw.rs:{}",
                r.below(40),
                r.of(HEX, 16),
                r.below(400)
            ),
        ),
        (
            "rust",
            format!(
                "_ZN5tokio7runtime4task3raw20try_read_output17h{}E",
                r.of(HEX, 16)
            ),
        ),
        (
            "prose",
            format!(
                "{t} WARN env API_KEY is not set, the key cache has {id} entries; max_tokens=4096 token_type=bearer"
            ),
        ),
        (
            "prose",
            format!(
                "{t} INFO password policy: at least 12 characters; session expired for user {id}; secretName: {svc}-tls"
            ),
        ),
        (
            "kafka",
            format!(
                "[{t}] INFO [GroupCoordinator {}]: Member consumer-{svc}-1-{uuid} in group {svc} has left (kafka.coordinator.group.GroupCoordinator)",
                r.below(9)
            ),
        ),
        (
            "redis",
            format!(
                "1:M 21 Nov 2026 09:00:01.{:03} * DB saved on disk; {id} keys in {ms} ms, keyspace: db0:keys={id},expires={ms}",
                r.below(1000)
            ),
        ),
    ]
}
