use super::*;
use crate::{
    fleet::{
        message::MessageId,
        seal::{FleetKeys, FleetSecret},
    },
    token::digest::TokenHasher,
};

fn log(secret: u8) -> LogSeal {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let secret = FleetSecret::parse(&STANDARD.encode([secret; 32])).unwrap();
    FleetKeys::new(&secret).log("issuer")
}

fn digest(token: &str) -> TokenDigest {
    TokenHasher::new([7; 32], &["issuer"]).key(token)
}

fn message(effect: Effect, scope: Scope) -> Message {
    Message {
        id: MessageId(rand()),
        at: 1,
        effect,
        scope,
    }
}

fn rand() -> [u8; 16] {
    std::array::from_fn(|_| fastrand::u8(..))
}

fn subject(number: usize) -> Scope {
    Scope::Subject(number.to_string().into())
}

fn read(log: &LogSeal, batch: &[(Place, Bytes)]) -> Vec<Message> {
    batch
        .iter()
        .map(|(_, sealed)| Message::decode(&log.open(sealed).unwrap()))
        .collect()
}

/// Publishes all to one log, `most` at a time. Returns the messages in order.
fn publish_all(outbox: &mut Outbox, at: usize, log: &LogSeal, most: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let batch = outbox.batch(at, log, most);
        if batch.is_empty() {
            return messages;
        }
        assert!(batch.len() <= most);
        messages.extend(read(log, &batch));
        for (place, sealed) in &batch {
            outbox.published(at, *place, sealed);
        }
    }
}

#[test]
fn revocations_come_first_and_single_tokens_last() {
    let mut outbox = Outbox::new();
    let (again, end) = (Effect::Again, Effect::End);
    let sent = [
        message(again, Scope::Token(digest("1"))),
        message(again, subject(1)),
        message(end, Scope::Token(digest("2"))),
        message(end, subject(2)),
        message(again, Scope::All),
        message(end, Scope::Session("s".into())),
    ];
    for it in &sent {
        outbox.push(it.clone(), [], 1, 0);
    }
    let published = publish_all(&mut outbox, 0, &log(1), 2);
    let expected = [3, 5, 1, 4, 0, 2].map(|at| sent[at].clone());
    assert_eq!(published, expected);
    assert_eq!(outbox.len(), 0);
}

#[test]
fn a_message_stays_until_each_log_has_it() {
    let (one, two) = (log(1), log(2));
    let mut outbox = Outbox::new();
    let sent = message(Effect::End, Scope::Token(digest("under the first secret")));
    outbox.push(sent.clone(), [digest("under the second")], 2, 0);
    assert_eq!(
        publish_all(&mut outbox, 0, &one, 9),
        std::slice::from_ref(&sent)
    );
    assert_eq!(outbox.len(), 1);
    assert!(outbox.batch(0, &one, 9).is_empty(), "the first log has it");
    let expected = Message {
        scope: Scope::Token(digest("under the second")),
        ..sent
    };
    assert_eq!(publish_all(&mut outbox, 1, &two, 9), [expected]);
    assert_eq!(outbox.len(), 0);
}

#[test]
fn a_message_is_sealed_once() {
    let mut outbox = Outbox::new();
    outbox.push(message(Effect::End, subject(1)), [], 1, 0);
    let first = outbox.batch(0, &log(1), 9);
    assert_eq!(outbox.batch(0, &log(1), 9), first);
}

#[test]
fn too_many_messages_become_one_about_all_of_the_same_effect() {
    let log = log(1);
    for effect in [Effect::Again, Effect::End] {
        let mut outbox = Outbox::new();
        for number in 0..50_000 {
            outbox.push(
                Message {
                    at: 7,
                    ..message(effect, subject(number))
                },
                [],
                1,
                0,
            );
        }
        let under_way = outbox.batch(0, &log, 1);
        let before = outbox.next_number();
        assert_eq!(outbox.len(), 50_000);
        outbox.push(
            Message {
                at: 5,
                ..message(effect, subject(0))
            },
            [],
            1,
            0,
        );
        // The oldest one arrived meanwhile. It must not take the new message with it.
        for (place, sealed) in &under_way {
            outbox.published(0, *place, sealed);
        }
        assert_eq!(outbox.len(), 1);
        assert!(
            outbox.has_before(1) && outbox.has_before(before),
            "a flush waits for it"
        );
        let [all] = &publish_all(&mut outbox, 0, &log, 9)[..] else {
            panic!("one message")
        };
        assert_eq!((all.effect, &all.scope, all.at), (effect, &Scope::All, 7));
        assert!(!outbox.has_before(u64::MAX));
    }
}

#[test]
fn too_many_tokens_lose_the_oldest() {
    let mut outbox = Outbox::new();
    outbox.push(message(Effect::End, subject(1)), [], 1, 0);
    for number in 0..100_003_u32 {
        outbox.push(
            message(Effect::Again, Scope::Token(digest(&number.to_string()))),
            [],
            1,
            0,
        );
    }
    assert_eq!(outbox.len(), 100_001);
    assert_eq!(outbox.take_dropped(), 3);
    assert_eq!(outbox.take_dropped(), 0);
    let first = read(&log(1), &outbox.batch(0, &log(1), 2));
    assert_eq!(first[0].scope, subject(1));
    assert_eq!(first[1].scope, Scope::Token(digest("3")));
}

#[test]
fn an_again_of_a_token_waits_for_a_quarter_of_an_hour() {
    let mut outbox = Outbox::new();
    outbox.push(message(Effect::Again, Scope::Token(digest("1"))), [], 1, 10);
    outbox.push(message(Effect::End, Scope::Token(digest("2"))), [], 1, 10);
    outbox.push(message(Effect::Again, subject(1)), [], 1, 10);
    outbox.expire(10 + 899_999);
    assert_eq!(outbox.len(), 3);
    outbox.expire(10 + 900_000);
    assert_eq!(outbox.len(), 2);
    outbox.expire(u64::MAX);
    assert_eq!(outbox.len(), 2);
}

#[test]
fn an_id_that_is_too_long_for_a_message_concerns_all() {
    let log = log(1);
    for effect in [Effect::Again, Effect::End] {
        let mut outbox = Outbox::new();
        outbox.push(
            message(effect, Scope::Subject("x".repeat(2_000).into())),
            [],
            1,
            0,
        );
        let [all] = &publish_all(&mut outbox, 0, &log, 9)[..] else {
            panic!("one message")
        };
        assert_eq!((all.effect, &all.scope), (effect, &Scope::All));
    }
}

#[test]
fn a_flush_waits_for_earlier_messages_only() {
    let mut outbox = Outbox::new();
    assert!(!outbox.has_before(outbox.next_number()));
    outbox.push(message(Effect::Again, subject(1)), [], 1, 0);
    let flush = outbox.next_number();
    assert!(outbox.has_before(flush));
    let earlier = outbox.batch(0, &log(1), 9);
    outbox.push(message(Effect::End, subject(2)), [], 1, 0);
    for (place, sealed) in &earlier {
        outbox.published(0, *place, sealed);
    }
    assert!(!outbox.has_before(flush) && outbox.has_before(outbox.next_number()));
}

#[test]
fn messages_that_are_rejected_do_not_stop_the_others() {
    let (mut outbox, log) = (Outbox::new(), log(1));
    let sent: Vec<_> = (0..10)
        .map(|at| message(Effect::End, subject(at)))
        .collect();
    for message in &sent {
        outbox.push(message.clone(), [], 1, 0);
    }
    // The log rejects the first five, always.
    let accepts = |message: &Message| !sent[..5].contains(message);
    let mut published = Vec::new();
    let round = |outbox: &mut Outbox, published: &mut Vec<Message>| {
        let batch = outbox.batch(0, &log, 3);
        let messages = read(&log, &batch);
        for ((place, sealed), message) in batch.iter().zip(&messages) {
            if accepts(message) {
                outbox.published(0, *place, sealed);
                published.push(message.clone());
            }
        }
        let has_rejected = !messages.iter().all(accepts);
        outbox.ended(0, batch.last().unwrap().0, has_rejected);
        messages
    };
    for (name, expected) in [
        ("from the first on", &sent[..3]),
        ("behind a batch with a rejected message", &sent[3..6]),
        ("once more", &sent[6..9]),
        ("without a rejection, from the first on", &sent[..3]),
        ("to the end", &[&sent[3..5], &sent[9..]].concat()),
    ] {
        assert_eq!(round(&mut outbox, &mut published), expected, "{name}");
    }
    assert_eq!(published, sent[5..]);
    assert_eq!(outbox.len(), 5);
    // At the end, it goes on with the first one.
    let rest: Vec<_> = (0..2)
        .flat_map(|_| round(&mut outbox, &mut published))
        .collect();
    assert_eq!(rest, [&sent[..3], &sent[3..5], &sent[..1]].concat());
}
