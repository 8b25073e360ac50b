//! The page of the example `fake_clerk`, in a browser without a window: Chromium, driven over WebDriver.
//!
//! With `SCREENSHOTS=DIRECTORY` it leaves pictures of the page there. With `CI_REQUIRE=chromium` the test fails if there is
//! no Chromium.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, resume_unwind},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::FutureExt;
use reqwest::{Client, ClientBuilder, Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tower_clerk::AuthErrorKind;

use crate::{examples::PATIENCE, fake_clerk::Fake, support::skip};

#[tokio::test]
async fn the_page_works_in_chromium_or_is_skipped_where_there_is_none() {
    let Some((driver, browser)) = installed() else {
        skip(
            "chromium",
            "there is no chromium, or no chromedriver, in PATH",
        );
        return;
    };
    let fake = Fake::start().await;
    let browser = Browser::start(&driver, &browser).await;
    // Chromium outlives its driver, if it is not told to end.
    let result = AssertUnwindSafe(walk(&browser, &fake)).catch_unwind().await;
    browser.end().await;
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

async fn walk(browser: &Browser, fake: &Fake) {
    let app = fake.app();
    let page = format!("{}/__admin", fake.url());
    browser
        .ask(Method::POST, "url", &json!({"url": page}))
        .await;
    browser
        .until("return document.querySelector('#pulse[data-state=live]') !== null")
        .await;

    // Mint a token, which the service takes.
    browser.click("#mint-button").await;
    browser
        .until("return document.querySelector('#minted-token').textContent !== ''")
        .await;
    let token = browser.text("#minted-token").await;
    assert!(token.starts_with("oat_"), "an opaque token is minted");
    let curl = browser.text("#minted-curl").await;
    let expected = format!("curl -i -H 'Authorization: Bearer {token}' 'http://127.0.0.1:3000/me'");
    assert_eq!(curl, expected);
    app.bearer(&token).await.assert_accepted();
    browser
        .until("return document.querySelector('#tokens tr .badge').textContent === 'active'")
        .await;
    browser
        .until("return document.querySelector('#calls').innerText.includes('/oauth/token_info')")
        .await;
    assert!(
        !browser.text("#tokens").await.contains(&token),
        "the list abbreviates it"
    );
    assert!(browser.text("#notice").await.contains("Token minted"));

    // Revoke it.
    browser.click("#tokens tr [data-revoke]").await;
    browser
        .until("return document.querySelector('#tokens tr .badge').textContent === 'revoked'")
        .await;
    for _ in 0..2 {
        app.bearer(&token)
            .await
            .assert_rejected(401, AuthErrorKind::Inactive);
    }

    mint_every_kind(browser).await;

    // Switch a fault on, see it in the calls, and heal it.
    let good = &fake.told["user_ada"];
    browser.click("#fault-button").await;
    browser
        .until("return document.querySelector('#faults .badge')?.textContent === 'status 503'")
        .await;
    for _ in 0..2 {
        assert_eq!(app.bearer(good).await.status(), 503);
    }
    let seen = "return [...document.querySelectorAll('#calls .badge')].some((one) => one.textContent === '503')";
    browser.until(seen).await;
    browser.pictures().await;
    browser.click("#faults [data-heal=introspection]").await;
    browser
        .until("return document.querySelectorAll('#faults li').length === 0")
        .await;
    fake.app().bearer(good).await.assert_accepted();

    // Names from outside are text, not markup.
    let hostile = "<img src=x onerror=\"document.title='taken'\">";
    let user = json!({"id": hostile, "name": hostile, "email": hostile});
    fake.done(Method::PUT, "users", &user).await;
    fake.done(Method::POST, "tokens", &json!({"user": hostile}))
        .await;
    let shown = "return document.querySelector('#tokens').innerText.includes('<img')";
    browser.until(shown).await;
    let taken = "return document.querySelector('img') !== null || document.title !== 'Fake Clerk'";
    assert_eq!(browser.run(taken).await, false);

    // Nothing is wider than a telephone, and every field has a name.
    browser.width(390, 844).await;
    assert_eq!(
        browser
            .run("return document.documentElement.scrollWidth")
            .await,
        390
    );
    let nameless = "return [...document.querySelectorAll('input, select, button')].filter((one) => \
        !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label'))).length";
    assert_eq!(browser.run(nameless).await, 0);

    browser.click("#clear-calls").await;
    browser
        .until("return !document.querySelector('#calls-empty').hidden")
        .await;
}

/// Mints one token of each kind with the fields as they are, and has the keys changed.
async fn mint_every_kind(browser: &Browser) {
    for (kind, fields, start, label) in [
        ("sessions", 10, "eyJ", None),
        ("api-keys", 4, "ak_", Some("API key")),
        ("machine-tokens", 4, "mt_", Some("machine")),
        ("tokens", 6, "oat_", Some("opaque")),
    ] {
        browser
            .click(&format!("#mint-kind option[value={kind}]"))
            .await;
        let seen = "return [...document.querySelectorAll('#mint-form [data-kind]')] \
                .flatMap((group) => [...group.querySelectorAll('input, select')]) \
                .filter((field) => field.checkVisibility()).length";
        assert_eq!(browser.run(seen).await, fields, "fields of {kind}");
        browser
            .run("document.querySelector('#minted-token').textContent = ''")
            .await;
        browser.click("#mint-button").await;
        let minted = "return document.querySelector('#minted-token').textContent !== ''";
        browser.until(minted).await;
        let token = browser.text("#minted-token").await;
        assert!(token.starts_with(start), "{kind}");
        if let Some(label) = label {
            let listed = "return document.querySelector('#tokens tr td small').textContent";
            browser.until(&format!("{listed} === '{label}'")).await;
        }
    }
    // The session is not among them.
    let listed = "return document.querySelectorAll('#tokens tr [data-revoke]').length";
    assert_eq!(browser.run(listed).await, 5);
    // Nor is what cannot be typed sent.
    browser.click("#mint-kind option[value=sessions]").await;
    browser
        .run("document.querySelector('[name=permissions]').value = 'org:billing:read'")
        .await;
    browser.click("#mint-button").await;
    let rejected =
        "return document.querySelector('#notice.bad')?.textContent.includes('give its id')";
    browser.until(rejected).await;
    browser.click("#mint-kind option[value=tokens]").await;

    for (button, keys) in [("rotate-key", 2), ("replace-key", 2), ("retire-keys", 1)] {
        let kid = "return document.querySelector('#kids .mono').textContent";
        let before = browser.run(kid).await;
        browser.click(&format!("#{button}")).await;
        let shown = "return document.querySelectorAll('#kids li').length";
        browser.until(&format!("{shown} === {keys}")).await;
        assert_eq!(browser.run(kid).await == before, button != "rotate-key");
    }
}

/// The paths of chromedriver and of a Chromium, if both are there.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let find = |name: &str| {
        let path = env::var_os("PATH")?;
        let mut files = env::split_paths(&path).map(|folder| folder.join(name));
        files.find(|file| file.is_file())
    };
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let browser = browsers.into_iter().find_map(find)?;
    Some((find("chromedriver")?, browser))
}

struct Browser {
    /// The session's URL.
    session: String,
    client: Client,
    profile: PathBuf,
    _driver: Child,
}

impl Browser {
    async fn start(driver: &Path, browser: &Path) -> Self {
        let name = format!("chromium-{}", std::process::id());
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = async {
            loop {
                let line = lines
                    .next_line()
                    .await
                    .unwrap()
                    .expect("the driver says its port");
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
        };
        let port = timeout(PATIENCE, port)
            .await
            .expect("the driver starts in time");
        let mut this = Self {
            session: format!("http://127.0.0.1:{port}/session"),
            client: ClientBuilder::new().no_proxy().build().unwrap(),
            profile,
            _driver: driver,
        };
        let folder = format!("--user-data-dir={}", this.profile.display());
        let options = json!({"binary": browser, "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--window-size=1280,1500", folder,
        ]});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let session = this.ask(Method::POST, "", &wanted).await;
        this.session = format!(
            "{}/{}",
            this.session,
            session["sessionId"].as_str().unwrap()
        );
        this
    }

    async fn end(&self) {
        self.ask(Method::DELETE, "", &Value::Null).await;
        // What is left of the profile is in the target folder, where it does no harm.
        let _ = fs::remove_dir_all(&self.profile);
    }

    /// One command of WebDriver.
    async fn ask(&self, method: Method, command: &str, body: &Value) -> Value {
        let url = match command {
            "" => self.session.clone(),
            command => format!("{}/{command}", self.session),
        };
        let mut request = self.client.request(method, url).timeout(PATIENCE);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let mut answer: Value = response.json().await.unwrap();
        assert!(status.is_success(), "{command}: {answer}");
        answer["value"].take()
    }

    async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.ask(Method::POST, "execute/sync", &body).await
    }

    async fn until(&self, condition: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(condition).await != true {
            assert!(Instant::now() < deadline, "never: {condition}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn element(&self, selector: &str) -> String {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.ask(Method::POST, "element", &body).await;
        let (_, id) = found.as_object().unwrap().iter().next().unwrap();
        format!("element/{}", id.as_str().unwrap())
    }

    /// Clicks as a person does: what covers the element would be clicked instead, which fails.
    async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.ask(Method::POST, &format!("{element}/click"), &json!({}))
            .await;
    }

    async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let text = self
            .ask(Method::GET, &format!("{element}/text"), &Value::Null)
            .await;
        text.as_str().unwrap().to_owned()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.ask(Method::POST, "goog/cdp/execute", &body).await
    }

    async fn width(&self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// Leaves pictures of the page, if somebody wants them.
    async fn pictures(&self) {
        let Some(folder) = env::var_os("SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        fs::create_dir_all(&folder).unwrap();
        for (name, scheme, width) in [
            ("light", "light", 1280),
            ("dark", "dark", 1280),
            ("phone", "light", 390),
            ("phone-dark", "dark", 390),
        ] {
            let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            self.devtools("Emulation.setEmulatedMedia", json!({"features": feature}))
                .await;
            self.width(width, 900).await;
            let whole = json!({"format": "png", "captureBeyondViewport": true});
            let picture = self.devtools("Page.captureScreenshot", whole).await;
            let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
            fs::write(folder.join(format!("admin-{name}.png")), bytes).unwrap();
        }
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({}))
            .await;
    }
}
