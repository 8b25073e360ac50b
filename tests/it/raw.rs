//! A server that plays a script on each connection, byte by byte, for what no proper server does.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    sync::{oneshot, watch},
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What happens on a connection; at its end it is closed.
pub type Script = Vec<Step>;

#[derive(Clone, Debug)]
pub enum Step {
    /// Waits for a request, head and body, and counts it.
    Request,
    /// Waits for anything at all.
    Anything,
    Send(Vec<u8>),
    /// Sends so many bytes per tick.
    Drip(Vec<u8>, usize, Duration),
    /// Sends the same until the peer leaves.
    Endless(Vec<u8>),
    /// Says nothing until the peer leaves.
    Silence,
    /// Waits until [`Raw::open`] is called.
    Gate,
    /// Answers every request with this, as long as there are any.
    Answers(Vec<u8>),
    /// Closes with a RST in place of a FIN.
    Reset,
}

/// A server on loopback, in a thread of its own. It ends when this is dropped.
pub struct Raw {
    addr: SocketAddr,
    seen: Arc<Seen>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a server saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    pub handshakes: AtomicUsize,
    pub requests: AtomicUsize,
    /// Requests that came on a connection before the one ahead of them was answered.
    pub pipelined: AtomicUsize,
    /// Requests that are not answered yet.
    pub waiting: AtomicUsize,
    /// The most of those there were at a time.
    pub peak: AtomicUsize,
    /// Connections that are over.
    ends: AtomicUsize,
    texts: Mutex<Vec<String>>,
    gate: watch::Sender<bool>,
}

impl Raw {
    /// The first connection plays the first script, and so on; those beyond the last play the last.
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::scripted(None, scripts)
    }

    pub fn start_tls(tls: TlsAcceptor, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::scripted(Some(tls), scripts)
    }

    fn scripted(tls: Option<TlsAcceptor>, scripts: impl IntoIterator<Item = Script>) -> Self {
        let scripts: Vec<Script> = scripts.into_iter().collect();
        Self::serve(tls, move |number, stream, seen| {
            let script = scripts[number.min(scripts.len() - 1)].clone();
            Box::pin(async move {
                let mut connection = Connection {
                    stream,
                    seen,
                    buffer: Vec::new(),
                    is_waiting: false,
                };
                // An error means that the peer has left.
                let _ = connection.play(script).await;
                connection.answered();
            })
        })
    }

    /// Plays any protocol. The number is that of the connection, from zero.
    pub fn serve(
        tls: Option<TlsAcceptor>,
        play: impl Fn(usize, Stream, Arc<Seen>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let (end, ended) = oneshot::channel();
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    () = accept(listener, tls, Arc::new(play), shared) => {}
                }
            });
        });
        Self {
            addr,
            seen,
            end: Some(end),
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The requests as they came, heads and bodies.
    pub fn texts(&self) -> Vec<String> {
        self.seen.texts.lock().unwrap().clone()
    }

    /// Lets go on who waits at a [`Step::Gate`], now and later.
    pub fn open(&self) {
        self.seen.gate.send_replace(true);
    }

    /// Waits until so many requests have come.
    pub async fn wait_for_requests(&self, count: usize) {
        while self.requests() < count {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until so many connections are over.
    pub async fn wait_for_ends(&self, count: usize) {
        while self.seen.ends.load(Ordering::SeqCst) < count {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept<F>(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    play: Arc<F>,
    seen: Arc<Seen>,
) where
    F: Fn(usize, Stream, Arc<Seen>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let number = seen.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, play, seen) = (tls.clone(), Arc::clone(&play), Arc::clone(&seen));
        tokio::spawn(async move {
            let stream = match tls {
                None => Stream::Plain(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Stream::Tls(Box::new(stream)),
                    Err(_) => return,
                },
            };
            seen.handshakes.fetch_add(1, Ordering::SeqCst);
            play(number, stream, Arc::clone(&seen)).await;
            seen.ends.fetch_add(1, Ordering::SeqCst);
        });
    }
}

/// A connection, with or without TLS.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Stream {
    fn duplex(&mut self) -> &mut dyn Duplex {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.duplex();
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    /// Reads some more into the buffer.
    pub async fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match self.duplex().read_buf(buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub async fn close(&mut self) {
        let _ = self.duplex().shutdown().await;
    }

    fn reset(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
        .set_zero_linger()
    }
}

struct Connection {
    stream: Stream,
    seen: Arc<Seen>,
    buffer: Vec<u8>,
    is_waiting: bool,
}

impl Connection {
    async fn play(&mut self, script: Script) -> io::Result<()> {
        for step in script {
            match step {
                Step::Request => self.request().await?,
                Step::Anything => self.stream.receive(&mut self.buffer).await?,
                Step::Send(bytes) => self.send(&bytes).await?,
                Step::Drip(bytes, count, tick) => {
                    for bytes in bytes.chunks(count) {
                        self.send(bytes).await?;
                        sleep(tick).await;
                    }
                }
                Step::Endless(bytes) => loop {
                    self.send(&bytes).await?;
                },
                Step::Silence => loop {
                    self.stream.receive(&mut self.buffer).await?;
                },
                Step::Gate => self.gate().await?,
                Step::Answers(answer) => loop {
                    self.request().await?;
                    self.send(&answer).await?;
                },
                Step::Reset => return self.stream.reset(),
            }
        }
        self.stream.close().await;
        Ok(())
    }

    async fn request(&mut self) -> io::Result<()> {
        let length = loop {
            if let Some(length) = complete(&self.buffer) {
                break length;
            }
            self.stream.receive(&mut self.buffer).await?;
        };
        let request: Vec<u8> = self.buffer.drain(..length).collect();
        let seen = &self.seen;
        if !self.buffer.is_empty() {
            seen.pipelined.fetch_add(1, Ordering::SeqCst);
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        seen.texts.lock().unwrap().push(text);
        self.is_waiting = true;
        let waiting = seen.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        seen.peak.fetch_max(waiting, Ordering::SeqCst);
        seen.requests.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.answered();
        self.stream.send(bytes).await
    }

    fn answered(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.seen.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    async fn gate(&mut self) -> io::Result<()> {
        let mut gate = self.seen.gate.subscribe();
        loop {
            tokio::select! {
                _ = gate.wait_for(|is_open| *is_open) => return Ok(()),
                result = self.stream.receive(&mut self.buffer) => {
                    result?;
                    self.seen.pipelined.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }
}

/// The length of the first request in there, once it is complete.
fn complete(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap();
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    (buffer.len() >= head + body).then_some(head + body)
}

/// A whole answer of HTTP/1.1; the headers end with a line break each.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn json(status: &str, body: &str) -> Vec<u8> {
    answer(status, JSON, body.as_bytes())
}

/// That the token is good.
pub fn active() -> Vec<u8> {
    json("200 OK", ACTIVE)
}

pub const JSON: &str = "content-type: application/json\r\n";
pub const ACTIVE: &str = r#"{"active":true,"client_id":"me","sub":"user_1"}"#;
