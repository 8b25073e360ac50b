use std::{collections::VecDeque, convert::Infallible, future::poll_fn, pin::pin};

use futures_util::FutureExt;
use http::HeaderValue;
use http_body_util::BodyExt;

use super::*;

/// A body of these frames, or an error for `None`.
struct Frames {
    frames: VecDeque<Option<Frame<Bytes>>>,
    /// The size that the body states.
    lower: u64,
    polls: usize,
}

impl Frames {
    fn new(data: &[&'static str]) -> Self {
        let frame = |text: &&'static str| Some(Frame::data(Bytes::from_static(text.as_bytes())));
        Self {
            frames: data.iter().map(frame).collect(),
            lower: 0,
            polls: 0,
        }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.polls += 1;
        let frame = self.frames.pop_front();
        Poll::Ready(frame.map(|frame| frame.ok_or("the connection is gone")))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.lower);
        hint
    }
}

fn read_all(body: Frames, limit: usize) -> Result<RequestBody<Frames>, Unread> {
    let mut reading = pin!(Reading::new(body, limit));
    poll_fn(|cx| reading.as_mut().poll(cx))
        .now_or_never()
        .expect("all frames are there")
}

#[test]
fn a_body_is_read_up_to_its_limit() {
    for (name, data, limit, expected) in [
        ("nothing", &[][..], 4, Ok("")),
        ("one frame", &["abcd"], 4, Ok("abcd")),
        ("two frames", &["ab", "cd"], 4, Ok("abcd")),
        ("empty frames", &["", "ab", "", "cd", ""], 4, Ok("abcd")),
        ("a byte too much", &["abcde"], 4, Err(Unread::TooLarge)),
        (
            "a byte too much in the last frame",
            &["ab", "cd", "e"],
            4,
            Err(Unread::TooLarge),
        ),
        ("nothing allowed", &["a"], 0, Err(Unread::TooLarge)),
        ("nothing there", &[], 0, Ok("")),
    ] {
        let body = read_all(Frames::new(data), limit);
        let text = body.map(|body| str::from_utf8(body.as_bytes()).unwrap().to_owned());
        assert_eq!(text, expected.map(str::to_owned), "{name}");
    }
}

#[test]
fn a_body_that_states_its_size_is_rejected_unread() {
    let mut body = Frames::new(&["abcde"]);
    body.lower = 5;
    let mut reading = pin!(Reading::new(body, 4));
    let result = poll_fn(|cx| reading.as_mut().poll(cx)).now_or_never();
    assert_eq!(result.unwrap().err(), Some(Unread::TooLarge));
    assert_eq!(reading.body.polls, 0);
    // The size that a body states is not believed.
    let mut body = Frames::new(&["abcde"]);
    body.lower = 1;
    assert_eq!(read_all(body, 4).err(), Some(Unread::TooLarge));
}

#[test]
fn an_error_ends_a_body() {
    let mut body = Frames::new(&["ab"]);
    body.frames.push_back(None);
    assert_eq!(read_all(body, 4).err(), Some(Unread::Failed));
}

#[test]
fn bytes_and_trailers_pass_on() {
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("x-sum"),
        HeaderValue::from_static("1"),
    )]);
    let body = || {
        let mut body = Frames::new(&["ab", "cd"]);
        body.frames
            .push_back(Some(Frame::trailers(trailers.clone())));
        body
    };
    let read = read_all(body(), 4).unwrap();
    assert_eq!(read.size_hint().exact(), Some(4));
    for (name, body) in [("read", read), ("streamed", RequestBody::stream(body()))] {
        assert!(!body.is_end_stream(), "{name}");
        let collected = body.collect().now_or_never().unwrap().unwrap();
        assert_eq!(collected.trailers(), Some(&trailers), "{name}");
        assert_eq!(collected.to_bytes(), "abcd", "{name}");
    }
}

#[test]
fn a_body_without_bytes_has_ended() {
    let body = read_all(Frames::new(&[]), 4).unwrap();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    let stream = RequestBody::stream(http_body_util::Empty::<Bytes>::new());
    assert!(stream.is_end_stream());
    let stream: Result<_, Infallible> = stream.collect().now_or_never().unwrap();
    assert_eq!(stream.unwrap().to_bytes(), "");
}
