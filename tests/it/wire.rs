//! What goes over the wire: a router served over HTTP, and a client that sends what it is told and hides
//! nothing of what comes back.

use std::net::SocketAddr;

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;

use crate::support::GRPC;

/// Serves a router over HTTP.
pub async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

/// Sends a request as a client of gRPC does: over HTTP/2, with its headers.
pub async fn send_grpc(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Response<String> {
    send_h2(address, "POST", path, &[headers, &GRPC].concat()).await
}

/// Sends a request over HTTP/2 in clear text.
pub async fn send_h2(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Response<String> {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    send_by(&client, address, method, path, headers).await
}

/// Sends a request over HTTP, with these headers, some perhaps twice.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Response<String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    send_by(&client, address, method, path, headers).await
}

async fn send_by(
    client: &Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Response<String> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::default()).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

/// The one value of a header.
pub fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    assert!(values.len() <= 1, "{name} stands twice: {values:?}");
    values.first().map(|value| value.to_str().unwrap())
}
