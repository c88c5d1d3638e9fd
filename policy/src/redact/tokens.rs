//! Tokens of well-known shape: a prefix that no ordinary word has, then enough characters of one alphabet.
//!
//! The shapes are those that the issuers document (most also stand in gitleaks' rules, MIT); lengths are lower bounds,
//! a little below the documented ones, because a missed secret costs more than a placeholder too many.

use super::{Span, class, floor, is_cut_at};

/// Which characters a token has after its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// `[A-Za-z0-9]`
    Word,
    /// `[A-Z0-9]`
    Upper,
    /// `[a-fA-F0-9]`
    Hex,
    /// `[A-Za-z0-9_-]`
    Url,
    /// `[A-Za-z0-9_.-]`
    Dotted,
    /// `[A-Za-z0-9+/=_-]`
    Base64,
    /// All of them, and `:`, `%`, `?`, `&`, `@`: the path of a webhook.
    Path,
}

/// A family of tokens: its class, its prefixes, its alphabet and the least length after the prefix.
type Family = (&'static str, &'static [&'static str], Set, usize);

/// The longest token that is looked at.
const MAX: usize = 8 * 1024;
/// The longest token without a prefix (Terraform's: 14, `.atlasv1.`, 67).
const ODD: usize = 160;
/// The shortest of them that neither begins in a telling way nor with digits (Mailchimp's, Entra ID's).
const ODD_LEAST: usize = 36;
/// A token that was cut off may be this short, with its prefix.
const CUT: usize = 6;
/// The shortest whole token, with its prefix (Slack's).
const SHORTEST: usize = shortest();

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    // Clouds
    ("aws-key", &["AKIA", "ASIA", "ABIA", "ACCA"], Set::Upper, 16),
    ("aws-key", &["ABSK"], Set::Base64, 60),
    ("aws-key", &["amzn.mws."], Set::Url, 30),
    ("gcp-key", &["AIza"], Set::Url, 30),
    ("gcp-key", &["ya29."], Set::Dotted, 20),
    ("gcp-key", &["GOCSPX-"], Set::Url, 20),
    ("gcp-key", &["1//0"], Set::Url, 40),
    ("digitalocean-key", &["dop_v1_", "doo_v1_", "dor_v1_"], Set::Hex, 40),
    ("alibaba-key", &["LTAI"], Set::Word, 12),
    ("tencent-key", &["AKID"], Set::Word, 28),
    ("yandex-key", &["AQVN", "t1."], Set::Base64, 35),
    ("fly-key", &["fo1_", "fm1_", "fm2_", "fm1a_", "fm1r_"], Set::Base64, 30),
    ("heroku-key", &["HRKU-"], Set::Url, 30),
    ("netlify-key", &["nfp_"], Set::Word, 30),
    ("render-key", &["rnd_"], Set::Word, 24),
    ("cloudflare-key", &["v1.0-"], Set::Url, 100),
    ("oracle-key", &["ocid1.credential."], Set::Dotted, 30),
    ("scalingo-key", &["tk-us-"], Set::Url, 40),
    // Code and packages
    ("github-token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], Set::Word, 30),
    ("github-token", &["github_pat_"], Set::Url, 40),
    ("gitlab-token", &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-"], Set::Dotted, 16),
    ("gitlab-token", &["GR1348941"], Set::Url, 16),
    ("bitbucket-token", &["ATBB"], Set::Word, 24),
    ("atlassian-token", &["ATATT3", "ATCTT3"], Set::Base64, 40),
    ("npm-token", &["npm_"], Set::Word, 30),
    ("pypi-token", &["pypi-"], Set::Url, 50),
    ("rubygems-token", &["rubygems_"], Set::Hex, 40),
    ("crates-token", &["cio"], Set::Word, 32),
    ("nuget-token", &["oy2"], Set::Word, 40),
    ("clojars-token", &["CLOJARS_"], Set::Word, 40),
    ("docker-token", &["dckr_pat_", "dckr_oat_"], Set::Url, 20),
    ("sourcegraph-token", &["sgp_"], Set::Url, 36),
    ("buildkite-token", &["bkua_"], Set::Word, 36),
    ("circleci-token", &["CCIPAT_"], Set::Url, 30),
    ("terraform-token", &["tfp_", "TFE_"], Set::Word, 36),
    // Chat and mail
    ("slack-token", &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxo-", "xoxe.", "xapp-"], Set::Dotted, 10),
    ("webhook-url", &["hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/"], Set::Path, 10),
    ("webhook-url", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "webhook.office.com/"], Set::Path, 10),
    ("webhook-url", &["outlook.office.com/webhook/", "chat.googleapis.com/v1/spaces/", "hooks.zapier.com/hooks/"], Set::Path, 10),
    ("sendgrid-key", &["SG."], Set::Dotted, 50),
    ("mailgun-key", &["key-", "pubkey-"], Set::Hex, 32),
    ("brevo-key", &["xkeysib-", "xsmtpsib-"], Set::Url, 60),
    ("twilio-key", &["SK"], Set::Hex, 32),
    ("resend-key", &["re_"], Set::Url, 32),
    // Money
    ("stripe-key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"], Set::Word, 16),
    ("webhook-secret", &["whsec_"], Set::Base64, 20),
    ("square-key", &["sq0atp-", "sq0csp-"], Set::Url, 20),
    ("square-key", &["EAAA"], Set::Url, 56),
    ("shopify-key", &["shpat_", "shpca_", "shppa_", "shpss_"], Set::Hex, 30),
    ("flutterwave-key", &["FLWSECK-", "FLWSECK_"], Set::Url, 12),
    ("easypost-key", &["EZAK", "EZTK"], Set::Word, 50),
    ("shippo-key", &["shippo_live_", "shippo_test_"], Set::Hex, 36),
    ("razorpay-key", &["rzp_live_", "rzp_test_"], Set::Word, 14),
    // Models
    ("anthropic-key", &["sk-ant-"], Set::Url, 20),
    ("openai-key", &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"], Set::Url, 20),
    ("llm-key", &["sk-or-v1-", "gsk_", "xai-", "pplx-", "r8_", "nvapi-", "csk-", "fw_", "tvly-"], Set::Url, 24),
    ("huggingface-token", &["hf_", "api_org_"], Set::Word, 30),
    // Watching and running things
    ("vault-token", &["hvs.", "hvb.", "hvr."], Set::Url, 20),
    ("grafana-token", &["glc_", "glsa_"], Set::Base64, 30),
    ("newrelic-key", &["NRAK-", "NRII-", "NRJS-", "NRAA-", "NRIQ-"], Set::Url, 18),
    ("sentry-token", &["sntrys_", "sntryu_"], Set::Base64, 40),
    ("dynatrace-token", &["dt0c01.", "dt0s01.", "dt0s02."], Set::Dotted, 24),
    ("databricks-token", &["dapi"], Set::Hex, 32),
    ("doppler-token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], Set::Dotted, 30),
    ("pulumi-token", &["pul-"], Set::Hex, 40),
    ("tailscale-key", &["tskey-"], Set::Url, 16),
    ("planetscale-token", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], Set::Dotted, 30),
    ("supabase-key", &["sbp_", "sb_secret_"], Set::Url, 20),
    ("prefect-token", &["pnu_"], Set::Word, 30),
    ("postman-key", &["PMAK-"], Set::Url, 40),
    ("confluent-key", &["cflt/"], Set::Base64, 40),
    ("age-key", &["AGE-SECRET-KEY-1"], Set::Upper, 40),
    ("1password-token", &["ops_eyJ"], Set::Base64, 60),
    // Offices
    ("linear-key", &["lin_api_", "lin_oauth_"], Set::Word, 30),
    ("notion-token", &["ntn_", "secret_"], Set::Word, 40),
    ("figma-token", &["figd_", "figo_", "figu_"], Set::Url, 30),
    ("asana-token", &["asana_pat_"], Set::Word, 20),
    ("readme-key", &["rdme_"], Set::Word, 50),
    ("contentful-token", &["CFPAT-"], Set::Url, 36),
    ("adobe-secret", &["p8e-"], Set::Word, 30),
    ("duffel-token", &["duffel_live_", "duffel_test_"], Set::Url, 36),
    ("frameio-token", &["fio-u-"], Set::Url, 50),
];

/// For each first byte, which families have a prefix that begins with it, as bits.
static BY_FIRST: [u128; 128] = by_byte(0);
/// The same for their second and third byte: what does not fit all is not looked at, and that is nearly every word.
static BY_SECOND: [u128; 128] = by_byte(1);
static BY_THIRD: [u128; 128] = by_byte(2);

const fn by_byte(place: usize) -> [u128; 128] {
    // Checked when this is compiled: a family beyond the bits would never be found.
    assert!(FAMILIES.len() <= 128);
    let mut masks = [0u128; 128];
    let mut family = 0;
    while family < FAMILIES.len() {
        let prefixes = FAMILIES[family].1;
        let mut i = 0;
        while i < prefixes.len() {
            let prefix = prefixes[i].as_bytes();
            if place < prefix.len() {
                masks[prefix[place] as usize] |= 1 << family;
            } else {
                // A prefix that is shorter fits whatever follows.
                let mut byte = 0;
                while byte < masks.len() {
                    masks[byte] |= 1 << family;
                    byte += 1;
                }
            }
            i += 1;
        }
        family += 1;
    }
    masks
}

const fn shortest() -> usize {
    let mut least = ODD;
    let mut family = 0;
    while family < FAMILIES.len() {
        let (_, prefixes, _, body) = FAMILIES[family];
        let mut i = 0;
        while i < prefixes.len() {
            if prefixes[i].len() + body < least {
                least = prefixes[i].len() + body;
            }
            i += 1;
        }
        family += 1;
    }
    least
}

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    // A token that was cut off may be shorter than any whole one.
    let cut = text.trim_end().strip_suffix('…').map(str::len);
    let mut at = class::begin(bytes, 0, class::TOKEN);
    while at < bytes.len() {
        let reach = class::end(bytes, at, class::TOKEN);
        // Ordinary words end here: too short for any token, and what follows is in no token's alphabet.
        let goes_on = bytes.get(reach).is_some_and(|b| b"/:+=%?&@".contains(b));
        let next = if reach - at < SHORTEST && !goes_on && cut != Some(reach) {
            reach
        } else {
            words(text, at, reach, spans)
        };
        at = class::begin(bytes, next, class::TOKEN);
    }
}

/// Looks at each word of a run of `class::TOKEN`; returns where to go on.
fn words(text: &str, from: usize, reach: usize, spans: &mut Vec<Span>) -> usize {
    let bytes = text.as_bytes();
    let mut at = class::begin(bytes, from, class::WORD);
    while at < reach {
        let end = class::end(bytes, at, class::WORD);
        // Behind an escape (`\nghp_…`) or percent code (`%3Dghp_…`) a token begins inside a word.
        let inner = match at.checked_sub(1).and_then(|i| bytes.get(i)) {
            Some(b'\\') => Some(at + 1),
            Some(b'%') => Some(at + 2),
            _ => None,
        };
        let mut next = end;
        for start in [Some(at), inner].into_iter().flatten() {
            if start >= end || bytes.get(start) == Some(&b'_') {
                continue;
            }
            if let Some(span) = known(text, start).or_else(|| odd(text, start, reach - start)) {
                next = class::end(bytes, span.end, class::WORD).max(end);
                spans.push(span);
                break;
            }
        }
        if next > reach {
            return next;
        }
        at = class::begin(bytes, next, class::WORD);
    }
    reach
}

fn known(text: &str, at: usize) -> Option<Span> {
    let rest = text.get(at..)?;
    let by = |table: &[u128; 128], place| {
        let byte = rest.as_bytes().get(place).copied().map(usize::from)?;
        table.get(byte).copied()
    };
    let mut families = by(&BY_FIRST, 0)? & by(&BY_SECOND, 1)? & by(&BY_THIRD, 2)?;
    while families != 0 {
        let (class, prefixes, set, least) = FAMILIES.get(families.trailing_zeros() as usize)?;
        families &= families - 1;
        let Some(prefix) = prefixes.iter().find(|p| rest.starts_with(**p)) else {
            continue;
        };
        let body = at + prefix.len();
        let end = body + run(text, body, *set);
        let long = end - body >= *least || (end - at >= CUT && is_cut_at(text, end));
        if long && whole(text, end, *set) {
            return Some(Span {
                start: at,
                end,
                class,
            });
        }
    }
    None
}

/// A hex or upper-case token ends where its alphabet does: `SK` and 40 hex digits, then more letters, is a name.
fn whole(text: &str, end: usize, set: Set) -> bool {
    let next = text.as_bytes().get(end);
    !matches!(set, Set::Hex | Set::Upper) || !next.is_some_and(u8::is_ascii_alphanumeric)
}

/// How far the alphabet goes. A trailing `.` is the sentence's.
fn run(text: &str, at: usize, set: Set) -> usize {
    let in_set = |b: u8| {
        b.is_ascii_alphanumeric() && !matches!(set, Set::Upper | Set::Hex)
            || match set {
                Set::Word => false,
                Set::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
                Set::Hex => b.is_ascii_hexdigit(),
                Set::Url => matches!(b, b'_' | b'-'),
                Set::Dotted => matches!(b, b'_' | b'-' | b'.'),
                Set::Base64 => matches!(b, b'+' | b'/' | b'=' | b'_' | b'-'),
                Set::Path => b"_-./:%?&@=+".contains(&b),
            }
    };
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let len = rest.iter().take(MAX).take_while(|b| in_set(**b)).count();
    let taken = rest.get(..len).unwrap_or_default();
    let dots = taken
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b':'))
        .count();
    len - dots
}

/// Shapes that no prefix tells. `reach` is how far `class::TOKEN` goes on from here.
fn odd(text: &str, at: usize, reach: usize) -> Option<Span> {
    let begins = text.as_bytes().get(at..at + 3).unwrap_or_default();
    let digits = begins.len() == 3 && begins.iter().all(u8::is_ascii_digit);
    let span = |len: usize, class| {
        Some(Span {
            start: at,
            end: at + len,
            class,
        })
    };
    if digits && let Some(token) = telegram(text.get(at..)?) {
        return span(token, "telegram-token");
    }
    if reach < ODD_LEAST && !matches!(begins, b"eyJ" | b"sk-") {
        return None;
    }
    // Bounded: these shapes are short, and a hostile `a.a.a.a` must not cost its square.
    let near = text.get(at..floor(text, at + ODD))?;
    let dotted = near.get(..run(near, 0, Set::Dotted))?;
    if dotted.starts_with("eyJ") {
        let word = text.get(at..at + run(text, at, Set::Dotted))?;
        return is_jwt(word).then(|| span(word.len(), "jwt"))?;
    }
    if is_bare_sk(dotted) {
        return span(dotted.len(), "llm-key");
    }
    let url = near.get(..run(near, 0, Set::Url)).unwrap_or_default();
    if dotted.len() >= 60 && dotted.contains(".atlasv1.") {
        return span(dotted.len(), "terraform-token");
    }
    if is_airtable(dotted) || is_mailchimp(url) || is_discord(dotted) {
        return span(dotted.len(), "token");
    }
    let azure = near.get(..azure_len(near)).unwrap_or_default();
    if is_azure(azure) {
        return span(azure.len(), "azure-secret");
    }
    None
}

/// `header.payload.signature`, each base64url of JSON, or one long `eyJ…` alone (the old Grafana key, a cut JWT).
fn is_jwt(word: &str) -> bool {
    let parts = word.matches('.').count();
    word.starts_with("eyJ")
        && word.len() >= 24
        && (parts >= 2 || word.len() >= 60 || parts == 1 && word.len() >= 40)
}

/// `sk-` and enough letters and digits: OpenAI's old keys, and those of many compatible services.
fn is_bare_sk(word: &str) -> bool {
    let Some(body) = word.strip_prefix("sk-") else {
        return false;
    };
    body.len() >= 20
        && body.bytes().any(|b| b.is_ascii_digit())
        && body.bytes().filter(|b| *b == b'-').count() < 3
}

/// The length of `<bot id>:AA<33 more>`.
fn telegram(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take(11).take_while(u8::is_ascii_digit).count();
    let body = rest.get(digits..)?.strip_prefix(":AA")?;
    let len = body
        .bytes()
        .take(60)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        .count();
    ((8..=10).contains(&digits) && len >= 30).then_some(digits + 3 + len)
}

/// `pat` and 14, a dot, 64 hex digits.
fn is_airtable(word: &str) -> bool {
    let Some((id, secret)) = word.split_once('.') else {
        return false;
    };
    id.len() == 17
        && id.starts_with("pat")
        && secret.len() >= 60
        && secret.bytes().all(|b| b.is_ascii_hexdigit())
}

/// 32 hex digits and the data centre: `-us12`.
fn is_mailchimp(word: &str) -> bool {
    word.split_once("-us").is_some_and(|(key, dc)| {
        key.len() == 32
            && key.bytes().all(|b| b.is_ascii_hexdigit())
            && (1..=2).contains(&dc.len())
            && dc.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Discord's bot token: base64 of an id, 6 characters, 27 or more.
fn is_discord(word: &str) -> bool {
    let mut parts = word.split('.');
    let lens = [parts.next(), parts.next(), parts.next()].map(|p| p.map_or(0, str::len));
    let shaped = matches!(lens, [23..=28, 6, 27..=45]) && parts.next().is_none();
    shaped && word.starts_with(['M', 'N', 'O']) && word.bytes().any(|b| b.is_ascii_digit())
}

fn azure_len(text: &str) -> usize {
    let in_set = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    text.bytes().take(64).take_while(in_set).count()
}

/// Entra ID's client secret: three characters, a digit, `Q~`, 31 to 34 more.
fn is_azure(word: &str) -> bool {
    let digit = word.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
    digit && word.get(4..6) == Some("Q~") && word.len() >= 36
}
