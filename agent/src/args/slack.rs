//! What a Slack app needs beside its Secret: where Slack is, and by which way answers come in.

use clap::{Args as ClapArgs, ValueEnum};
use reqwest::Url;
use std::net::SocketAddr;

/// Where Slack is.
#[derive(Clone, Debug, ClapArgs)]
pub struct SlackApi {
    /// Address of Slack's Web API; another one is for tests
    #[arg(
        id = "slack_api_url",
        long = "slack-api-url",
        env = "PODMENDER_SLACK_API_URL",
        default_value = "https://slack.com/api/",
        value_parser = parse_base,
        value_name = "URL"
    )]
    pub url: Url,
}

/// How people's answers come in.
#[derive(Clone, Debug, ClapArgs)]
pub struct SlackArgs {
    /// Where Slack is.
    #[command(flatten)]
    pub api: SlackApi,
    /// How clicks and commands come in: `socket` needs SLACK_APP_TOKEN and no open port, `http` needs SLACK_SIGNING_SECRET
    #[arg(
        id = "slack_interactions",
        long = "slack-interactions",
        env = "PODMENDER_SLACK_INTERACTIONS",
        value_enum,
        default_value_t,
        value_name = "HOW"
    )]
    pub interactions: Interactions,
    /// Address for Slack's requests, with `--slack-interactions http`
    #[arg(
        id = "slack_bind",
        long = "slack-bind",
        env = "PODMENDER_SLACK_BIND",
        default_value = "0.0.0.0:8082",
        value_parser = parse_address,
        value_name = "ADDRESS"
    )]
    pub bind: SocketAddr,
}

/// By which way clicks and commands come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Interactions {
    /// Over a socket that the agent opens (Socket Mode)
    #[default]
    Socket,
    /// By signed requests to a port of the agent
    Http,
    /// Not at all: cards are posted, and answered by kubectl
    Off,
}

/// A folder: method names are put behind it.
fn parse_base(raw: &str) -> Result<Url, String> {
    let expected = "expected http(s)://HOST/PATH/, such as https://slack.com/api/";
    let mut url = Url::parse(raw.trim()).map_err(|_| expected.to_owned())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(expected.to_owned());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn parse_address(raw: &str) -> Result<SocketAddr, String> {
    raw.trim()
        .parse()
        .map_err(|_| "expected ADDRESS:PORT, such as 0.0.0.0:8082".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_a_folder_and_nothing_odd() {
        let read = |raw| parse_base(raw).map(String::from);
        assert_eq!(
            read("https://slack.com/api"),
            Ok("https://slack.com/api/".to_owned())
        );
        assert_eq!(
            read("http://10.89.0.1:9000/api/"),
            Ok("http://10.89.0.1:9000/api/".to_owned())
        );
        for odd in [
            "",
            "slack.com",
            "ftp://x/",
            "https://u:p@x/",
            "https://x/?a=b",
            "https://x/#y",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
