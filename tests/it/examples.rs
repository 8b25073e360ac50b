//! The examples, as processes of their own, against a fake Clerk.
//!
//! They are those that cargo built, not built here.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use prost::Message;
use prost_types::FileDescriptorProto;
use reqwest::{ClientBuilder, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
    transport::{Channel, Endpoint as Target},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest as Question,
    server_reflection_response::MessageResponse as Answer,
};
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

use crate::{
    support::{GRPC, skip},
    wire::{one, send, send_h2},
};

/// How long a process may take to be ready, or to be done: far more than it needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn axum_protects_me_and_leaves_health_open() {
    check_http_example("axum").await;
}

#[tokio::test]
async fn hyper_protects_me_and_leaves_health_open() {
    check_http_example("hyper").await;
}

#[tokio::test]
async fn axum_and_hyper_serve_the_metadata_of_the_resource() {
    for name in ["axum", "hyper"] {
        let clerk = FakeClerk::start().unwrap();
        let resource = "https://api.example.com/v1";
        let mut example = Example::start_with(name, &clerk, &[("CLERK_RESOURCE", resource)]);
        example.wait_for_health().await;
        // No token, and nobody to ask.
        clerk.fail(Endpoint::Introspection, Fault::reset());
        for path in [
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/v1",
        ] {
            let response = example.get(path, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{name} {path}");
            assert_eq!(response.headers()["access-control-allow-origin"], "*");
            let metadata: Value = response.json().await.unwrap();
            let expected = json!({
                "resource": resource,
                "authorization_servers": [clerk.url()],
                "scopes_supported": ["email"],
                "bearer_methods_supported": ["header"],
            });
            assert_eq!(metadata, expected, "{name} {path}");
        }
        let rejected = example.get("/me", None).await;
        assert_eq!(
            rejected.headers()["www-authenticate"],
            "Bearer scope=\"email\", resource_metadata=\"https://api.example.com\
             /.well-known/oauth-protected-resource/v1\"",
            "{name}"
        );
        assert_eq!(clerk.total_calls(), 0, "{name}");
    }
}

#[tokio::test]
async fn axum_shows_scripts_of_other_origins_the_challenge() {
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("axum", &clerk);
    example.wait_for_health().await;
    let url = format!("http://{}/me", example.address);

    let preflight = example
        .client
        .request(Method::OPTIONS, &url)
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization");
    let allowed = preflight.send().await.unwrap();
    assert_eq!(allowed.status(), StatusCode::OK);
    let headers = allowed.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-headers"], "authorization");

    let request = example.client.get(&url);
    let rejected = request.header("origin", "https://app.example.com").send();
    let rejected = rejected.await.unwrap();
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    let headers = rejected.headers();
    assert_eq!(headers["access-control-expose-headers"], "www-authenticate");
    assert_eq!(headers["www-authenticate"], "Bearer scope=\"email\"");
}

#[tokio::test]
async fn the_log_says_why_a_request_was_rejected_as_the_guide_has_it() {
    let clerk = FakeClerk::start().unwrap();
    let mut command = configured("axum", &clerk);
    command
        .env("RUST_LOG", "tower_clerk=debug")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped());
    let mut example = Example::spawn("axum", &mut command);
    let mut lines = BufReader::new(example.process.stdout.take().unwrap()).lines();
    example.wait_for_health().await;

    let narrow = clerk.token("user_ada").scopes(["profile"]).issue();
    for (token, kind) in [
        (None, "MissingCredentials"),
        (Some("rt_refresh"), "UnsupportedToken"),
        (Some("oat_unknown"), "Inactive"),
        (Some(narrow.as_str()), "InsufficientScope"),
    ] {
        example.get("/me", token).await;
        let line = timeout(PATIENCE, async {
            loop {
                let line = lines.next_line().await.unwrap().unwrap();
                if line.contains("request rejected") {
                    break line;
                }
            }
        });
        let line = line.await.expect("it is logged");
        assert!(line.contains(&format!("auth.kind={kind}")), "{line}");
        assert!(!token.is_some_and(|token| line.contains(token)), "{line}");
    }
}

async fn check_http_example(name: &str) {
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start(name, &clerk);
    example.wait_for_health().await;

    let rejected = example.get("/me", None).await;
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        rejected.headers()["www-authenticate"],
        "Bearer scope=\"email\""
    );
    assert_eq!(clerk.total_calls(), 0);

    let good = clerk.token("user_ada").issue();
    let granted = example.get("/me", Some(&good)).await;
    assert_eq!(granted.status(), StatusCode::OK);
    assert_eq!(granted.headers()["content-type"], "application/json");
    let claims: Value = granted.json().await.unwrap();
    assert_eq!(claims["sub"], "user_ada");
    assert_eq!(claims["email"], "ada@example.com");

    let narrow = clerk.token("user_ada").scopes(["profile"]).issue();
    let rejected = example.get("/me", Some(&narrow)).await;
    assert_eq!(rejected.status(), StatusCode::FORBIDDEN);

    // Without `CLERK_RESOURCE` there is no metadata.
    for unknown in ["/nowhere", "/.well-known/oauth-protected-resource"] {
        let response = example.get(unknown, None).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn forward_auth_answers_by_its_status_alone() {
    // fault A1
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("forward_auth", &clerk);
    example.wait_for_health().await;
    let address = example.address;

    let good = clerk.token("user_ada").scopes(["email", "profile"]).issue();
    let narrow = clerk.token("user_ada").scopes(["profile"]).issue();
    let client = clerk.client_id();
    // It is no text for a header.
    let unspeakable = clerk.token("user_\u{430}da").issue();
    for _ in 0..2 {
        for method in ["GET", "POST", "HEAD", "PUT", "OPTIONS", "PURGE"] {
            for (authorization, status) in [
                (format!("Bearer {good}"), 200),
                (format!("Bearer {narrow}"), 403),
                (format!("Bearer {unspeakable}"), 500),
                ("Bearer oat_unknown".to_owned(), 401),
                // The layer has a 400 for it, which nginx does not know.
                ("Bearer".to_owned(), 401),
                ("Basic dTpw".to_owned(), 401),
            ] {
                let headers = [("authorization", &*authorization), GRPC[0], GRPC[1]];
                for answer in [
                    send(address, method, "/auth", &headers).await,
                    send_h2(address, method, "/auth", &headers).await,
                ] {
                    let name = format!("{method} {authorization}");
                    assert_eq!(answer.status(), status, "{name}");
                    let headers = answer.headers();
                    let is_challenged = one(headers, "www-authenticate").is_some();
                    assert_eq!(is_challenged, matches!(status, 401 | 403), "{name}");
                    let claims = ["subject", "client", "scopes"]
                        .map(|claim| one(headers, &format!("x-auth-{claim}")));
                    let expected = [Some("user_ada"), Some(&*client), Some("email profile")];
                    let expected = if status == 200 { expected } else { [None; 3] };
                    assert_eq!(claims, expected, "{name}");
                }
            }
        }
    }
    // Envoy appends the path of the request.
    for path in ["/auth/", "/auth/app", "/auth/app/1%2F..?x=/auth"] {
        let bearer = format!("Bearer {good}");
        for (authorization, status) in [(&*bearer, 200), ("Bearer oat_unknown", 401)] {
            let answer = send(address, "GET", path, &[("authorization", authorization)]).await;
            assert_eq!(answer.status(), status, "{path}");
        }
    }
    clerk.fail(Endpoint::Introspection, Fault::status(503));
    for _ in 0..2 {
        let unseen = clerk.token("user_ada").issue();
        let rejected = example.get("/auth", Some(&unseen)).await;
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(rejected.headers().contains_key("retry-after"));
    }
}

#[test]
fn each_configuration_of_a_proxy_passes_on_all_headers_of_forward_auth() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/forward_auth");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let names = BTreeSet::from_iter(main.split('"').filter(|text| text.starts_with("x-auth-")));
    assert_eq!(names.len(), 3, "{names:?}");
    for file in ["nginx.conf", "Caddyfile", "traefik.yaml", "envoy.yaml"] {
        let text = std::fs::read_to_string(folder.join(file))
            .unwrap()
            .to_lowercase();
        assert!(
            text.contains("underscore") || text.contains("x_auth_subject"),
            "{file}"
        );
        for name in &names {
            assert!(text.contains(name), "{file}: {name}");
        }
    }
}

#[tokio::test]
async fn tonic_protects_its_service_and_leaves_health_and_reflection_open() {
    let clerk = FakeClerk::start().unwrap();
    let mut example = Example::start("tonic", &clerk);
    let channel = example.connect().await;

    let check = HealthCheckRequest {
        service: "whoami.v1.WhoAmI".to_owned(),
    };
    let health = HealthClient::new(channel.clone()).check(check).await;
    assert_eq!(health.unwrap().get_ref().status(), ServingStatus::Serving);

    let services = ["grpc.health.v1.Health", "whoami.v1.WhoAmI"];
    for service in services {
        assert!(
            reflect_services(&channel).await.contains(service),
            "{service}"
        );
    }
    let method = reflect_file(&channel, "whoami.v1.WhoAmI.Get").await;
    assert_eq!(method.dependency, ["google/protobuf/empty.proto"]);
    let described = &method.service[0].method[0];
    assert_eq!(described.output_type(), ".whoami.v1.Subject");
    // What it depends on can be had, too: clients ask for it.
    let empty = reflect_file(&channel, "google.protobuf.Empty").await;
    assert_eq!(empty.name(), "google/protobuf/empty.proto");
    assert_eq!(clerk.total_calls(), 0);

    let rejected = who_am_i(&channel, None).await.unwrap_err();
    assert_eq!(rejected.code(), Code::Unauthenticated);
    assert!(rejected.metadata().get("grpc-retry-pushback-ms").is_none());

    let good = clerk.token("user_ada").issue();
    assert_eq!(who_am_i(&channel, Some(&good)).await.unwrap(), "user_ada");

    let narrow = clerk.token("user_ada").scopes(["profile"]).issue();
    let rejected = who_am_i(&channel, Some(&narrow)).await.unwrap_err();
    assert_eq!(rejected.code(), Code::PermissionDenied);

    clerk.fail(Endpoint::Introspection, Fault::status(503));
    let unseen = clerk.token("user_ada").issue();
    let rejected = who_am_i(&channel, Some(&unseen)).await.unwrap_err();
    assert_eq!(rejected.code(), Code::Unavailable);
    // fault E13
    let delay = rejected.metadata().get("retry-after").unwrap();
    let millis = format!("{}000", delay.to_str().unwrap());
    assert_eq!(
        rejected.metadata().get("grpc-retry-pushback-ms").unwrap(),
        &millis
    );
    assert_eq!(who_am_i(&channel, Some(&good)).await.unwrap(), "user_ada");
}

#[tokio::test]
async fn webhooks_ends_a_session() {
    let output = run(&mut command("webhooks")).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for line in ["signed in:            200 OK", "401 Unauthorized"] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    assert_fits_a_terminal(&text);
}

#[tokio::test]
async fn fleet_shares_and_revokes() {
    let output = run(&mut command("fleet")).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    if text.contains("is not installed") {
        skip("redis", "no redis-server");
        return;
    }
    for line in [
        "accepted by two replicas:  1 introspection",
        "rejected by the other one after",
        "each replica calls Clerk itself",
        "a revocation made meanwhile arrives",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    assert_fits_a_terminal(&text);
}

#[tokio::test]
async fn quickstart_walks_as_expected() {
    let output = run(command("quickstart").arg("--once")).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for line in [
        "  curl -iH 'Authorization: Bearer oat_",
        "WWW-Authenticate: Bearer scope=\"email profile\"",
        "WWW-Authenticate: Bearer error=\"insufficient_scope\"",
        "from the cache",
        "`authenticator.invalidate(…)`",
        "Retry-After: ",
        "cache_ttl(Duration::ZERO)",
        "steps came out as expected",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    assert_fits_a_terminal(&text);
}

/// Asserts that no line needs more than 80 columns.
fn assert_fits_a_terminal(text: &str) {
    for line in text.lines() {
        let width = line.chars().count();
        assert!(width <= 80, "{width} columns: {line}\n{text}");
    }
}

#[tokio::test]
async fn tokens_pass_where_their_kind_is_taken() {
    let output = run(command("tokens").arg("--once")).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for line in [
        "                                 /me    /oauth  /session  /api-key  /machine  /billing",
        "an API key                       200       403       403       200       403       403",
        "of a JWT template                401       401       401       401       401       401",
        "  curl -iH 'Authorization: Bearer ak_",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    let is_broad = |line: &str| line.chars().count() > 120;
    assert!(!text.lines().any(is_broad), "too broad:\n{text}");
}

#[tokio::test]
async fn tokens_takes_an_instance_from_the_environment() {
    let clerk = FakeClerk::start().unwrap();
    let mut example = configured("tokens", &clerk);
    example
        .env("CLERK_ACCEPT", "session")
        .env_remove("CLERK_REQUIRED_SCOPES")
        .arg("--once");
    let output = run(&mut example).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(clerk.calls(Endpoint::Jwks), 1, "it warms up");
}

#[tokio::test]
async fn quickstart_takes_an_instance_from_the_environment() {
    let clerk = FakeClerk::start().unwrap();
    let output = run(configured("quickstart", &clerk).arg("--once")).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("401"), "{text}");
    assert!(
        text.contains("WWW-Authenticate: Bearer scope=\"email\""),
        "{text}"
    );
    assert_fits_a_terminal(&text);
}

#[tokio::test]
async fn a_wrong_configuration_is_told_without_secrets() {
    struct Case {
        name: &'static str,
        secret: &'static str,
    }
    for Case { name, secret } in [
        Case {
            name: "missing",
            secret: "",
        },
        Case {
            name: "not ASCII",
            secret: "s3cr3t-schlüssel",
        },
    ] {
        let clerk = FakeClerk::start().unwrap();
        let mut command = configured("axum", &clerk);
        let output = run(command.env("CLERK_OAUTH_CLIENT_SECRET", secret)).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(told.starts_with("error: "), "{name}: {told}");
        assert!(told.contains("client_secret"), "{name}: {told}");
        assert!(!told.contains("s3cr3t"), "{name}: {told}");
    }
}

/// The examples that serve, and need an instance.
const SERVERS: [&str; 6] = [
    "axum",
    "tonic",
    "hyper",
    "mcp",
    "forward_auth",
    "prometheus",
];

#[tokio::test]
async fn a_server_without_configuration_names_the_fake_clerk() {
    // fault H12
    for name in SERVERS {
        let output = run(&mut command(name)).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        for part in ["`cargo run --example fake_clerk`", "CLERK_DOMAIN"] {
            assert!(told.contains(part), "{name}: {told}");
        }
    }
}

#[tokio::test]
async fn a_server_whose_address_is_in_use_names_the_variable() {
    // fault H12
    let clerk = FakeClerk::start().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for name in SERVERS.into_iter().chain(["tokens", "quickstart"]) {
        let mut command = configured(name, &clerk);
        let resource = format!("http://{address}/mcp");
        command
            .env("LISTEN", &address)
            .env("CLERK_RESOURCE", resource);
        let output = run(&mut command).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(told.contains(&address), "{name}: {told}");
        assert!(told.contains("LISTEN"), "{name}: {told}");
        assert!(!told.contains("fake_clerk"), "{name}: {told}");
    }
}

/// A running example; it is killed when this is dropped.
pub struct Example {
    name: String,
    pub address: SocketAddr,
    process: Child,
    client: reqwest::Client,
}

impl Example {
    pub fn start(name: &str, clerk: &FakeClerk) -> Self {
        Self::start_with(name, clerk, &[])
    }

    fn start_with(name: &str, clerk: &FakeClerk, variables: &[(&str, &str)]) -> Self {
        let mut command = configured(name, clerk);
        command.envs(variables.iter().copied());
        Self::spawn(name, command.stdout(Stdio::null()))
    }

    pub fn spawn(name: &str, command: &mut Command) -> Self {
        Self::start_at(name, free_address(), command)
    }

    pub fn start_at(name: &str, address: SocketAddr, command: &mut Command) -> Self {
        Self {
            name: name.to_owned(),
            address,
            process: command.env("LISTEN", address.to_string()).spawn().unwrap(),
            client: ClientBuilder::new().no_proxy().build().unwrap(),
        }
    }

    pub async fn wait_for_health(&mut self) {
        let url = format!("http://{}/health", self.address);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.client.get(&url).send().await {
                Ok(response) => return assert_eq!(response.status(), StatusCode::OK),
                Err(_) => self.pause(deadline).await,
            }
        }
    }

    async fn connect(&mut self) -> Channel {
        let target = Target::from_shared(format!("http://{}", self.address)).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match target.connect().await {
                Ok(channel) => return channel,
                Err(_) => self.pause(deadline).await,
            }
        }
    }

    /// Lets some time pass, unless there is nothing to wait for.
    async fn pause(&mut self, deadline: Instant) {
        let name = &self.name;
        if let Some(status) = self.process.try_wait().unwrap() {
            panic!("the example `{name}` ended too early: {status}");
        }
        assert!(Instant::now() < deadline, "`{name}` is not getting ready");
        sleep(Duration::from_millis(20)).await;
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Response {
        let mut request = self.client.get(format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }
}

/// `message Subject { string id = 1; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Subject {
    #[prost(string, tag = "1")]
    id: String,
}

async fn reflect(channel: &Channel, question: Question) -> Answer {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    };
    let mut client = ServerReflectionClient::new(channel.clone());
    let requests = futures_util::stream::iter([request]);
    let answers = client.server_reflection_info(requests).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    answer.message_response.unwrap()
}

async fn reflect_services(channel: &Channel) -> BTreeSet<String> {
    match reflect(channel, Question::ListServices(String::new())).await {
        Answer::ListServicesResponse(list) => {
            list.service.into_iter().map(|one| one.name).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The file in which a symbol is defined.
async fn reflect_file(channel: &Channel, symbol: &str) -> FileDescriptorProto {
    match reflect(channel, Question::FileContainingSymbol(symbol.to_owned())).await {
        Answer::FileDescriptorResponse(files) => {
            FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap()
        }
        other => panic!("{symbol}: {other:?}"),
    }
}

async fn who_am_i(channel: &Channel, token: Option<&str>) -> Result<String, Status> {
    let mut request = Request::new(());
    if let Some(token) = token {
        let credentials = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", credentials);
    }
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let method = PathAndQuery::from_static("/whoami.v1.WhoAmI/Get");
    let codec = ProstCodec::<(), Subject>::default();
    let response = client.unary(request, method, codec).await?;
    Ok(response.into_inner().id)
}

/// An example with the fake as its Clerk.
pub fn configured(name: &str, clerk: &FakeClerk) -> Command {
    let mut command = command(name);
    command
        .env("CLERK_DOMAIN", clerk.url())
        .env("CLERK_OAUTH_CLIENT_ID", clerk.client_id())
        .env("CLERK_OAUTH_CLIENT_SECRET", clerk.client_secret())
        .env("CLERK_REQUIRED_SCOPES", "email");
    command
}

/// An example that knows nothing of the environment that the tests run in.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    for (variable, _) in std::env::vars_os() {
        let is_read = |variable: &str| {
            let others = ["LISTEN", "RUST_LOG", "ALLOWED_ORIGINS"];
            variable.starts_with("CLERK_") || others.contains(&variable)
        };
        if variable.to_str().is_some_and(is_read) {
            command.env_remove(variable);
        }
    }
    command.kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub async fn run(command: &mut Command) -> Output {
    timeout(PATIENCE, command.output())
        .await
        .expect("it ends in time")
        .unwrap()
}

/// `target/debug/examples/NAME`, seen from `target/debug/deps/it-…`.
fn binary(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = profile.join("examples").join(file);
    assert!(
        path.is_file(),
        "{} is missing: `cargo test` builds the examples, `cargo test --test it` does not; run \
         `cargo build --examples` before it",
        path.display()
    );
    path
}

/// An address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}
