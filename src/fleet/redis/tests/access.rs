use std::{error::Error, time::Duration};

use bytes::Bytes;

use super::server::{Server, installed, store, store_with_root};
use crate::{
    fleet::{Position, SharedStore, redis::Roots},
    observe::StoreFault,
};

const NAME: &str = "tc1:{abc}";
const SECOND: Duration = Duration::from_secs(1);
const FROM: Position = Position {
    milliseconds: 1,
    sequence: 0,
};

/// The access that the guide recommends.
const ACL: &str = "on >pass%word ~tc1:* resetchannels -@all +hello +ping +select +set +get +del +xadd +xrange \
                   +time +incr +pexpire";

#[tokio::test]
async fn the_recommended_access_suffices() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        assert_eq!(
            server.command(&format!("ACL SETUSER clerk {ACL}")).await,
            "+OK"
        );
        assert_eq!(
            server
                .command("CONFIG SET databases 16")
                .await
                .chars()
                .next(),
            Some('-')
        );
        assert_eq!(server.command("ACL SETUSER default off").await, "+OK");
        let url = format!("redis://clerk:pass%25word@127.0.0.1:{}/1", server.port);
        let store = store(&url);
        store.open().await.unwrap();
        assert!(store.claim(NAME, SECOND).await.unwrap().won);
        store
            .release(NAME, Some((Bytes::from_static(b"x"), SECOND)))
            .await
            .unwrap();
        assert!(store.get(NAME).await.unwrap().is_some());
        let page = store
            .exchange(NAME, &[Bytes::from_static(b"m")], FROM)
            .await
            .unwrap();
        assert_eq!((page.accepted, page.messages.len()), (vec![true], 1));
        assert_eq!(store.count(NAME, 1).await.unwrap(), (1, 0));
        assert!(
            store.get("other").await.is_err(),
            "names of others are not readable"
        );
    }
}

#[tokio::test]
async fn without_xadd_messages_are_rejected_and_the_log_is_read() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        server
            .command(&format!("ACL SETUSER clerk {ACL} -xadd"))
            .await;
        server.command(&format!("XADD {NAME}:r 5 m message")).await;
        let store = store(&format!(
            "redis://clerk:pass%25word@127.0.0.1:{}",
            server.port
        ));
        store.open().await.unwrap();
        for _ in 0..2 {
            let page = store
                .exchange(NAME, &[Bytes::from_static(b"m")], FROM)
                .await
                .unwrap();
            assert_eq!((page.accepted, page.messages.len()), (vec![false], 1));
        }
    }
}

#[tokio::test]
async fn without_access_to_a_needed_command_the_exchange_fails() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        for command in ["set", "time", "xrange"] {
            server
                .command(&format!("ACL SETUSER {command} {ACL} -{command}"))
                .await;
            let store = store(&format!(
                "redis://{command}:pass%25word@127.0.0.1:{}",
                server.port
            ));
            store.open().await.unwrap();
            let error = store.exchange(NAME, &[], FROM).await.unwrap_err();
            let text = error.source().unwrap().to_string();
            assert!(text.contains("NOPERM"), "{command}: {text}");
            assert_eq!(error.fault(), None, "{command}");
        }
    }
}

#[tokio::test]
async fn a_command_that_the_server_lacks_is_named_as_the_fault() {
    for program in installed() {
        for command in ["TIME", "XRANGE", "SET"] {
            let server = Server::start(program, &["--rename-command", command, ""]).await;
            let store = store(&format!("redis://127.0.0.1:{}", server.port));
            store.open().await.unwrap();
            let error = store.exchange(NAME, &[], FROM).await.unwrap_err();
            assert_eq!(error.fault(), Some(StoreFault::LacksCommand), "{command}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_opens_nothing_and_is_not_shown() {
    for program in installed() {
        let server = Server::start(program, &["--requirepass", "right"]).await;
        for user in ["", "default", "clerk"] {
            let store = store(&format!(
                "redis://{user}:wrong-password@127.0.0.1:{}",
                server.port
            ));
            let error = store.open().await.unwrap_err();
            let shown = format!("{error} {error:?} {store:?}");
            assert!(
                !shown.contains("wrong-password") && !shown.contains("clerk"),
                "{shown}"
            );
            assert!(store.get(NAME).await.is_err());
        }
        // Without a password the connection opens, and no command is accepted.
        let without = store(&server.url());
        without.open().await.unwrap();
        assert!(without.exchange(NAME, &[], FROM).await.is_err());
        let right = store(&format!("redis://:right@127.0.0.1:{}", server.port));
        right.open().await.unwrap();
        assert!(right.get(NAME).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_server_is_trusted_by_its_own_authority_and_for_its_name_alone() {
    for program in installed() {
        let (server, root) = Server::start_tls(program, &["localhost", "127.0.0.1"]).await;
        let (_, other_root) = Server::start_tls(program, &["localhost"]).await;
        for host in ["localhost", "127.0.0.1"] {
            let url = format!("rediss://{host}:{}", server.port);
            let trusted = store_with_root(&url, &root);
            trusted.open().await.unwrap();
            assert!(trusted.claim(NAME, SECOND).await.is_ok(), "{host}");
            let trusted = store_with_root(&url, &format!("{other_root}\n{root}"));
            trusted.open().await.unwrap();
            for untrusted in [store(&url), store_with_root(&url, &other_root)] {
                for _ in 0..2 {
                    let error = untrusted.open().await.unwrap_err();
                    let text = error.source().unwrap().to_string();
                    assert!(text.contains("certificate"), "{host}: {text}");
                }
            }
        }
        let (server, root) = Server::start_tls(program, &["redis.example.com"]).await;
        let elsewhere = store_with_root(&format!("rediss://localhost:{}", server.port), &root);
        let error = elsewhere.open().await.unwrap_err();
        let text = error.source().unwrap().to_string();
        assert!(text.contains("not valid for name"), "{text}");
    }
}

#[test]
fn roots_are_certificates() {
    let cases = [
        "",
        "text",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ];
    for (at, pem) in cases.into_iter().enumerate() {
        assert!(Roots::parse(pem).is_none(), "{at}");
    }
}
