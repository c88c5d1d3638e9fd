//! A browser without a screen, driven over the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>): opens a page, clicks, looks.
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::chaos::wait;
use crate::env;
use crate::exec;

/// One call may take so long: the first one starts a browser, on a cold machine from a disk.
const PATIENCE: Duration = Duration::from_secs(180);
/// The name by which an answer holds an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser at work; it ends with this value.
pub struct Browser {
    _driver: Driver,
    client: reqwest::Client,
    runtime: Runtime,
    session: String,
}

impl Browser {
    /// Starts chromedriver and a browser.
    pub fn start() -> Result<Self> {
        let programs = ["chromium", "chromium-browser", "google-chrome"];
        let browser = programs.into_iter().find_map(env::find_program);
        let browser = browser.context("no browser: install chromium (`make prepare` does)")?;
        let driver = env::find_program("chromedriver")
            .context("no chromedriver: install chromium-driver (`make prepare` does)")?;
        // Fails only if it was done before, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = exec::command(driver);
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut driver = Driver(spawn(&mut command)?);
        let base = format!("http://127.0.0.1:{}/session", driver.port()?);
        let mut this = Self {
            _driver: driver,
            client: reqwest::Client::builder()
                .timeout(PATIENCE)
                .tls_certs_only([])
                .build()?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            session: base.clone(),
        };
        let wanted = json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {
            "binary": browser,
            // Root in a container or a small machine: without these it does not start there.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1100,1000"],
        }}}});
        let opened = wait::eventually("the browser starts", || this.call("", &wanted))?;
        let id = opened.get("sessionId").and_then(Value::as_str);
        this.session = format!("{base}/{}", id.context("chromedriver names no session")?);
        Ok(this)
    }

    /// Opens a page.
    pub fn open(&self, url: &str) -> Result<()> {
        self.call("/url", &json!({"url": url})).map(drop)
    }

    /// The first element that this CSS selector means.
    pub fn find(&self, css: &str) -> Result<Element<'_>> {
        let found = self.call("/element", &json!({"using": "css selector", "value": css}))?;
        let id = found.get(ELEMENT).and_then(Value::as_str);
        Ok(Element {
            browser: self,
            id: id.context("an element without id")?.to_owned(),
        })
    }

    /// Clicks what this CSS selector means, as soon as it is there; tried anew if the page was drawn again between looking and
    /// clicking (an element that is gone is refused before anything is clicked, so this clicks once).
    pub fn press(&self, css: &str) -> Result<()> {
        wait::eventually(&format!("the page lets `{css}` be clicked"), || {
            self.find(css)?.click()
        })
    }

    /// Runs JavaScript in the page; what it returns.
    pub fn run(&self, script: &str) -> Result<Value> {
        self.call("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Writes a picture of the page as it is now (PNG).
    pub fn picture(&self, file: &Path) -> Result<()> {
        let coded = self.send(self.client.get(format!("{}/screenshot", self.session)))?;
        let coded = coded.as_str().context("no picture")?;
        let picture = STANDARD
            .decode(coded)
            .context("the picture is not base64")?;
        std::fs::write(file, picture).with_context(|| format!("cannot write {}", file.display()))
    }

    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.session);
        self.send(self.client.post(url).json(body))
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let mut body: Value = answer.json().await?;
            let value = body.get_mut("value").map(Value::take).unwrap_or_default();
            if let Some(error) = value.get("error") {
                bail!("{error}: {}", value["message"]);
            }
            Ok(value)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Nothing more can be done about a browser that does not end by itself; the driver takes it along.
        let _ = self.send(self.client.delete(&self.session));
    }
}

/// chromedriver; it ends with this value.
struct Driver(Child);

impl Driver {
    /// The port that it has chosen: a free one that was chosen for it might be taken by the time it listens.
    fn port(&mut self) -> Result<u16> {
        // Left open: a closed one would end the driver when it says more.
        let said = self.0.stdout.as_mut();
        let said = said.context("chromedriver has no output")?;
        let mut lines = BufReader::new(said).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        port.context("chromedriver ended without saying where it listens")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Something on a page.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Element<'_> {
    /// Clicks it, as a person does: it has to be visible and not covered.
    pub fn click(&self) -> Result<()> {
        let path = format!("/element/{}/click", self.id);
        self.browser.call(&path, &json!({})).map(drop)
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .with_context(|| format!("cannot start `{}`", exec::describe(command)))
}
