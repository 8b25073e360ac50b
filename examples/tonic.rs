//! A gRPC server: health and reflection are open, `whoami.v1.WhoAmI/Get` accepts Clerk's access tokens in the
//! metadata `authorization` and returns the subject.
//!
//! ```sh
//! CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… \
//!     CLERK_OAUTH_CLIENT_SECRET=… cargo run --example tonic
//!
//! grpcurl -plaintext -H 'authorization: Bearer oat_…' 127.0.0.1:3000 whoami.v1.WhoAmI/Get
//! ```

use std::{
    convert::Infallible,
    env,
    error::Error,
    iter,
    pin::Pin,
    process::ExitCode,
    task::{Context, Poll},
};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto, field_descriptor_proto,
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
    service::LayerExt,
    transport::{Server, server::TcpIncoming},
};
use tower::{Service, service_fn};
use tower_clerk::{ClerkAuthLayer, ClerkConfig};

/// `message Subject { string id = 1; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Subject {
    #[prost(string, tag = "1")]
    id: String,
}

/// `rpc Get(google.protobuf.Empty) returns (Subject);`
async fn get(request: Request<()>) -> Result<Response<Subject>, Status> {
    let claims = tower_clerk::tonic::claims(&request)?;
    Ok(Response::new(Subject {
        id: claims.subject().to_owned(),
    }))
}

/// The code that `tonic-prost-build` would generate for a service with one method, so that this example needs no
/// `protoc`.
#[derive(Clone)]
struct WhoAmI;

impl NamedService for WhoAmI {
    const NAME: &str = "whoami.v1.WhoAmI";
}

impl Service<http::Request<Body>> for WhoAmI {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/whoami.v1.WhoAmI/Get" => {
                    let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
                    grpc.unary(service_fn(get), request).await
                }
                _ => Status::unimplemented("there is no such method").into_http(),
            })
        })
    }
}

/// Describes the service to reflection. `protoc` generates this, too, if it is used.
fn descriptors() -> FileDescriptorSet {
    let id = FieldDescriptorProto {
        name: Some("id".to_owned()),
        json_name: Some("id".to_owned()),
        number: Some(1),
        label: Some(field_descriptor_proto::Label::Optional.into()),
        r#type: Some(field_descriptor_proto::Type::String.into()),
        ..Default::default()
    };
    let get = MethodDescriptorProto {
        name: Some("Get".to_owned()),
        input_type: Some(".google.protobuf.Empty".to_owned()),
        output_type: Some(".whoami.v1.Subject".to_owned()),
        ..Default::default()
    };
    let file = |name: &str, package: &str, message: &str| FileDescriptorProto {
        name: Some(name.to_owned()),
        package: Some(package.to_owned()),
        message_type: vec![DescriptorProto {
            name: Some(message.to_owned()),
            ..Default::default()
        }],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    let empty = "google/protobuf/empty.proto";
    let mut whoami = file("whoami/v1/whoami.proto", "whoami.v1", "Subject");
    whoami.dependency = vec![empty.to_owned()];
    whoami.message_type[0].field = vec![id];
    whoami.service = vec![ServiceDescriptorProto {
        name: Some("WhoAmI".to_owned()),
        method: vec![get],
        ..Default::default()
    }];
    FileDescriptorSet {
        file: vec![file(empty, "google.protobuf", "Empty"), whoami],
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let auth = ClerkAuthLayer::new(ClerkConfig::from_env()?);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<WhoAmI>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_file_descriptor_set(descriptors())
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (LISTEN names another address)")
    })?;
    println!("listening on http://{}", listener.local_addr()?);
    Server::builder()
        .add_service(health)
        .add_service(reflection)
        // Wraps only this service. `Server::builder().layer(auth)` protects all services at once.
        .add_service(auth.named_layer(WhoAmI))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt::init();
    let Err(error) = serve().await else {
        return ExitCode::SUCCESS;
    };
    // An error returned from `main` would be shown with `Debug`, which is not for people.
    eprintln!("error: {error}");
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        eprintln!("caused by: {cause}");
    }
    let is_unset = |name| env::var_os(name).is_none();
    if ["CLERK_DOMAIN", "CLERK_PUBLISHABLE_KEY"]
        .into_iter()
        .all(is_unset)
    {
        eprintln!(
            "note: `cargo run --example fake_clerk` starts a fake Clerk and prints the variables to export, such as \
             CLERK_DOMAIN, CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET"
        );
    }
    ExitCode::FAILURE
}
