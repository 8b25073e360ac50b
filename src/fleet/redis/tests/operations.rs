use std::time::Duration;

use bytes::Bytes;

use super::server::{Server, installed, store};
use crate::fleet::{Position, SharedStore};

const NAME: &str = "tc1:{abc}";
const LEASE: Duration = Duration::from_secs(60);

fn at(milliseconds: u64) -> Position {
    Position {
        milliseconds,
        sequence: 0,
    }
}

#[tokio::test]
async fn a_lease_is_taken_once_and_ends_with_its_record() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let (one, other) = (store(&server.url()), store(&server.url()));
        one.open().await.unwrap();
        other.open().await.unwrap();
        assert_eq!(one.get(NAME).await.unwrap(), None);
        let claim = one.claim(NAME, LEASE).await.unwrap();
        assert!(claim.won && claim.record.is_none());
        assert!(!one.claim(NAME, LEASE).await.unwrap().won);
        assert!(!other.claim(NAME, LEASE).await.unwrap().won);

        // A record is bytes of any kind.
        let record = Bytes::from_static(b"\0\r\n\xff");
        one.release(NAME, Some((record.clone(), LEASE)))
            .await
            .unwrap();
        assert_eq!(other.get(NAME).await.unwrap().as_ref(), Some(&record));
        let claim = other.claim(NAME, LEASE).await.unwrap();
        assert!(claim.won, "the lease has ended");
        assert_eq!(claim.record, Some(record));

        other.release(NAME, None).await.unwrap();
        assert!(one.claim(NAME, LEASE).await.unwrap().won);
        for (name, most) in [("t", 60_000), ("l", 60_000)] {
            let left = server.command(&format!("PTTL {NAME}:{name}")).await;
            let left: u64 = left.trim_start_matches(':').parse().expect("it expires");
            assert!(left <= most, "{name}: {left}");
        }
        // A lifetime of less than a millisecond is one.
        one.release(NAME, Some((Bytes::new(), Duration::ZERO)))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_log_is_read_in_pages_from_a_position() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        let start = store
            .exchange(NAME, &[], Position::default())
            .await
            .unwrap();
        assert!(
            start.time > 1_700_000_000_000,
            "in milliseconds: {}",
            start.time
        );
        assert!(start.messages.is_empty() && start.next.is_none() && start.accepted.is_empty());

        let from = at(start.time - 1);
        let sent: Vec<Bytes> = (0..2_500)
            .map(|it| Bytes::from(format!("{it}\0\r\n")))
            .collect();
        for batch in sent.chunks(200) {
            let page = store.exchange(NAME, batch, from).await.unwrap();
            assert_eq!(page.accepted, vec![true; batch.len()]);
            assert!(
                page.messages.len() >= batch.len().min(1_000),
                "its own are on the page"
            );
        }
        let (mut received, mut next, mut pages) = (Vec::new(), Some(from), Vec::new());
        while let Some(from) = next {
            let page = store.exchange(NAME, &[], from).await.unwrap();
            pages.push(page.messages.len());
            assert!(page.messages.is_sorted_by_key(|(position, _)| *position));
            assert!(page.messages.iter().all(|(position, _)| from < *position));
            assert!(
                page.messages
                    .iter()
                    .all(|(position, _)| position.milliseconds <= page.time)
            );
            received.extend(page.messages.into_iter().map(|(_, message)| message));
            next = page.next;
        }
        assert_eq!(pages, [1_000, 1_000, 500]);
        assert!(received == sent, "all, in order");
    }
}

#[tokio::test]
async fn entries_of_others_in_the_log_are_skipped() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        server
            .command(&format!("XADD {NAME}:r 5-1 other value"))
            .await;
        server
            .command(&format!("XADD {NAME}:r 5-2 m one m two"))
            .await;
        server
            .command(&format!("XADD {NAME}:r 5-3 m message"))
            .await;
        let page = store.exchange(NAME, &[], at(1)).await.unwrap();
        let position = Position {
            milliseconds: 5,
            sequence: 3,
        };
        assert_eq!(page.messages, [(position, Bytes::from_static(b"message"))]);
        // The sequence counts.
        assert!(
            store
                .exchange(NAME, &[], position)
                .await
                .unwrap()
                .messages
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_log_is_trimmed_a_quarter_of_an_hour_before_the_reader() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let store = store(&server.url());
        store.open().await.unwrap();
        for id in 1..=500 {
            server.command(&format!("XADD {NAME}:r {id} m old")).await;
        }
        let message = [Bytes::from_static(b"new")];
        let length = async || server.command(&format!("XLEN {NAME}:r")).await;
        // The reader is a quarter of an hour after the first entries.
        store.exchange(NAME, &message, at(900_000)).await.unwrap();
        assert_eq!(length().await, ":501");
        store.exchange(NAME, &message, at(900_500)).await.unwrap();
        let left: u64 = length().await.trim_start_matches(':').parse().unwrap();
        assert!(left <= 102, "whole blocks of a hundred are trimmed: {left}");
        assert_eq!(server.command(&format!("PTTL {NAME}:r")).await, ":-1");
    }
}

#[tokio::test]
async fn calls_are_counted_by_window() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let (one, other) = (store(&server.url()), store(&server.url()));
        one.open().await.unwrap();
        other.open().await.unwrap();
        assert_eq!(one.count(NAME, 7).await.unwrap(), (1, 0));
        assert_eq!(other.count(NAME, 7).await.unwrap(), (2, 0));
        assert_eq!(one.count(NAME, 8).await.unwrap(), (1, 2));
        assert_eq!(one.count(NAME, 10).await.unwrap(), (1, 0));
        for window in [7, 8, 10] {
            let left = server.command(&format!("PTTL {NAME}:w:{window}")).await;
            let left: u64 = left.trim_start_matches(':').parse().expect("it expires");
            assert!(left <= 20_000, "{left}");
        }
        server.command(&format!("SET {NAME}:w:10 many")).await;
        assert!(one.count(NAME, 10).await.is_err());
        assert!(one.count(NAME, 11).await.is_err());
    }
}

#[tokio::test]
async fn two_databases_are_apart() {
    for program in installed() {
        let server = Server::start(program, &[]).await;
        let (zero, three) = (store(&server.url()), store(&format!("{}/3", server.url())));
        zero.open().await.unwrap();
        three.open().await.unwrap();
        assert!(zero.claim(NAME, LEASE).await.unwrap().won);
        assert!(three.claim(NAME, LEASE).await.unwrap().won);
        assert!(store(&format!("{}/99", server.url())).open().await.is_err());
    }
}
