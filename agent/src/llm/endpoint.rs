//! Where the model is: an address that may be called. Metadata services and link-local addresses never may, private ones only
//! where the policy says so; judged once more when a name is looked up, by the address that is then connected to.

use super::trouble::Trouble;
use crate::{
    alert::{Secrets, address::AddressError},
    slack::secret,
};
use podmender_policy::rules::{Reach, Source, SummaryRules};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// Where a policy that names no address means.
const OPENAI: &str = "https://api.openai.com/v1";

/// An address that may be called, and the key for it. Never printed.
pub struct Endpoint {
    /// Of the method itself.
    pub(crate) url: Url,
    /// The key of the moment.
    pub(crate) key: Option<secret::Value>,
    /// Which addresses its name may lead to.
    pub(crate) allowed: Allowed,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(endpoint)")
    }
}

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The policy allows private addresses.
    private: bool,
    /// The connection is encrypted: without, nothing goes over the internet.
    secure: bool,
}

impl Allowed {
    /// Why `ip` may not be connected to, if it may not.
    #[must_use]
    pub fn refuses(self, ip: IpAddr) -> Option<&'static str> {
        match Reach::of(ip) {
            Reach::Never => Some(
                "baseUrl leads to a link-local address: providers hand out metadata and credentials there",
            ),
            Reach::Private if !self.private => Some(
                "baseUrl leads to an address inside the cluster or the network around it: write allowPrivateAddress: true if the model runs there",
            ),
            Reach::Public if !self.secure => {
                Some("baseUrl leads to the internet without encryption: write https://")
            }
            Reach::Private | Reach::Public => None,
        }
    }
}

impl Endpoint {
    /// The endpoint of a policy, as its Secret stands now.
    ///
    /// # Errors
    /// [`Trouble::Misconfigured`], which says what to fix.
    pub fn of(rules: &SummaryRules, secrets: &Secrets) -> Result<Self, Trouble> {
        let wrong = |why: &dyn fmt::Display| Trouble::Misconfigured(why.to_string());
        let base = match &rules.base_url {
            Some(source) => secrets.address(source).map_err(|e| wrong(&e))?,
            None => Url::parse(OPENAI).map_err(|e| wrong(&e))?,
        };
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong(
                &"baseUrl holds a password: name it in apiKey instead",
            ));
        }
        let key = match &rules.api_key {
            Some(source) => Some(key(source, secrets)?),
            None => None,
        };
        let allowed = Allowed {
            private: rules.reach == Reach::Private,
            secure: base.scheme() == "https",
        };
        let literal = base.host_str().and_then(|host| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<IpAddr>().ok()
        });
        if let Some(why) = literal.and_then(|ip| allowed.refuses(ip)) {
            return Err(wrong(&why));
        }
        let mut url = base;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["chat", "completions"]);
        }
        url.set_fragment(None);
        Ok(Self { url, key, allowed })
    }

    /// Where its models are listed.
    pub(crate) fn models(&self) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().pop().push("models");
        }
        url
    }

    /// Looks names up, and keeps to the addresses that may be called.
    pub(crate) fn resolver(&self) -> Guard {
        Guard {
            host: self.url.host_str().unwrap_or_default().to_owned(),
            allowed: self.allowed,
        }
    }
}

fn key(source: &Source, secrets: &Secrets) -> Result<secret::Value, Trouble> {
    let secret = secret::Secret::new(secrets.clone(), source.clone());
    let value = secret.read().map_err(|e| {
        Trouble::Misconfigured(match e {
            AddressError::Empty(what) => format!("{what} is empty: put the endpoint's key there"),
            e => e.to_string(),
        })
    })?;
    // What cannot stand in a header would be an error that shows it.
    let plain = value.expose().bytes().all(|b| (0x21..0x7f).contains(&b));
    match plain {
        true => Ok(value),
        false => Err(Trouble::Misconfigured(
            "the value of apiKey is no key: it has spaces or characters that no key has".to_owned(),
        )),
    }
}

/// A resolver that does not lead where it must not, whatever the name's owner answers the second time.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    host: String,
    allowed: Allowed,
}

/// A name led to nothing but addresses that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Forbidden(pub(crate) &'static str);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        // Another name than the endpoint's is the proxy's, which the operator chose.
        let allowed = (name.as_str() == self.host).then_some(self.allowed);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let refusal = |at: &SocketAddr| allowed.and_then(|allowed| allowed.refuses(at.ip()));
            let (good, bad): (Vec<SocketAddr>, Vec<_>) =
                found.partition(|at| refusal(at).is_none());
            match bad.first().and_then(refusal) {
                Some(why) if good.is_empty() => Err(Forbidden(why).into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::sample;

    fn of(base: &str, reach: Reach) -> Result<Endpoint, Trouble> {
        let rules = SummaryRules {
            base_url: Some(Source::Literal(base.into())),
            reach,
            ..sample::rules()
        };
        Endpoint::of(&rules, &Secrets::new("/nonexistent".into()))
    }

    #[test]
    fn the_method_is_added_to_the_base() {
        for (base, url) in [
            (
                "https://h.example/v1",
                "https://h.example/v1/chat/completions",
            ),
            (
                "https://h.example/v1/",
                "https://h.example/v1/chat/completions",
            ),
            ("https://h.example", "https://h.example/chat/completions"),
            (
                "https://h.example/v1?api-version=3#x",
                "https://h.example/v1/chat/completions?api-version=3",
            ),
        ] {
            assert_eq!(of(base, Reach::Public).unwrap().url.as_str(), url);
        }
        let models = of("https://h.example/v1/?a=b", Reach::Public)
            .unwrap()
            .models();
        assert_eq!(models.as_str(), "https://h.example/v1/models?a=b");
        let default = Endpoint::of(&sample::rules(), &Secrets::new("/nonexistent".into())).unwrap();
        assert_eq!(
            default.url.as_str(),
            "https://api.openai.com/v1/chat/completions"
        );
    }

    #[test]
    fn fault_56_addresses_are_judged_as_they_are_connected_to() {
        for base in [
            "http://169.254.169.254/v1",
            "http://2852039166/v1",
            "http://0xA9FEA9FE/v1",
            "http://0251.0376.0251.0376/v1",
            "https://[::ffff:a9fe:a9fe]/v1",
            "https://[fd00:ec2::254]/",
            "http://0/",
        ] {
            for reach in [Reach::Public, Reach::Private] {
                let trouble = of(base, reach).expect_err(base).to_string();
                assert!(trouble.contains("link-local"), "{base}: {trouble}");
            }
        }
        for base in [
            "http://127.0.0.1:11434/v1",
            "http://10.0.0.7/v1",
            "https://[::1]/v1",
        ] {
            let trouble = of(base, Reach::Public).expect_err(base).to_string();
            assert!(trouble.contains("allowPrivateAddress: true"), "{trouble}");
            assert!(of(base, Reach::Private).is_ok(), "{base}");
        }
        let plain = of("http://1.1.1.1/v1", Reach::Private)
            .expect_err("plain")
            .to_string();
        assert!(plain.contains("https://"), "{plain}");
        assert!(of("https://u:s3cret@h.example/", Reach::Public).is_err());
    }

    #[tokio::test]
    async fn fault_56_a_name_that_leads_inside_is_refused_unless_that_is_allowed() {
        let guard = |reach| of("http://localhost:1/v1", reach).unwrap().resolver();
        let name = || "localhost".parse::<Name>().unwrap();
        let refused = guard(Reach::Public)
            .resolve(name())
            .await
            .err()
            .expect("refused");
        assert!(
            refused.to_string().contains("allowPrivateAddress"),
            "{refused}"
        );
        let found = guard(Reach::Private).resolve(name()).await.expect("found");
        assert!(found.count() > 0);
    }

    #[test]
    fn a_missing_or_odd_key_says_what_to_do_and_never_the_key() {
        let dir = std::env::temp_dir().join(format!("podmender-llm-key-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("ODD"), "s3cret\r\nx-evil: 1").unwrap();
        std::fs::write(dir.join("FINE"), "s3cret\n").unwrap();
        std::fs::write(dir.join("EMPTY"), "\n").unwrap();
        let with = |name: &str| SummaryRules {
            api_key: Some(Source::Named(name.into())),
            ..sample::rules()
        };
        let read = |name: &str| Endpoint::of(&with(name), &Secrets::new(dir.clone()));
        assert!(read("FINE").unwrap().key.is_some());
        for (name, says) in [
            ("ABSENT", "is not mounted"),
            ("ODD", "is no key"),
            ("EMPTY", "is empty"),
        ] {
            let trouble = read(name).expect_err(name).to_string();
            assert!(
                trouble.contains(says) && !trouble.contains("s3cret"),
                "{trouble}"
            );
        }
    }
}
