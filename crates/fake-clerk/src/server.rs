//! The server thread and its connections.

use std::convert::Infallible;
use std::future::{self, Future as _};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, oneshot};

use super::exchange::{ConnectionReset, exchange};
use super::state::State;
use super::webhooks::deliver;

/// A running server. Its drop stops the server and waits for the end of the thread.
pub(super) struct Server {
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server with its own thread and runtime, so that a blocked runtime of the caller does not
    /// delay it.
    pub(super) fn start(listener: std::net::TcpListener, state: Arc<State>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("fake-clerk".to_owned())
            .spawn(move || match prepare(listener, state) {
                Ok(runtime) => {
                    // `start` waits for this message, so the receiver exists.
                    let _ = ready.send(Ok(()));
                    // The channel carries no message: the wait ends when the sender drops.
                    let _ = runtime.block_on(stopped);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })?;
        started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the server thread died at its start")))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server must not cause a second panic in the test.
            let _ = thread.join();
        }
    }
}

fn prepare(listener: std::net::TcpListener, state: Arc<State>) -> io::Result<Runtime> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    listener.set_nonblocking(true)?;
    let listener = {
        let _context = runtime.enter();
        TcpListener::from_std(listener)?
    };
    runtime.spawn(deliver(Arc::clone(&state)));
    runtime.spawn(accept(listener, state));
    Ok(runtime)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                state.count_connection();
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
            // The process is probably out of file descriptors, which ends after a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Serves one connection until either side ends it.
async fn serve(stream: TcpStream, state: Arc<State>) {
    // Without this option an answer may wait for an acknowledgement. A failure only makes it slower.
    let _ = stream.set_nodelay(true);
    let hangup = Arc::new(Hangup::default());
    let wire = Wire {
        stream,
        hangup: Arc::clone(&hangup),
    };
    let service = service_fn(|request| {
        let (state, hangup) = (Arc::clone(&state), Arc::clone(&hangup));
        async move {
            match exchange(&state, request).await {
                Ok(reply) => Ok::<_, Infallible>(reply),
                Err(ConnectionReset) => Ok(hangup.reset().await),
            }
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(server.serve_connection(TokioIo::new(wire), service));
    let mut told = pin!(hangup.told.notified());
    future::poll_fn(|context| {
        if told.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // The error of a connection concerns only the client.
        connection.as_mut().poll(context).map(drop)
    })
    .await;
}

/// A handle with which a request resets its connection.
#[derive(Default)]
struct Hangup {
    wanted: AtomicBool,
    told: Notify,
}

impl Hangup {
    /// Requests the reset of the connection, and waits until the reset drops this future.
    async fn reset<T>(&self) -> T {
        self.wanted.store(true, Ordering::Relaxed);
        self.told.notify_one();
        future::pending().await
    }
}

/// A stream that closes with a reset if a request wants it.
struct Wire {
    stream: TcpStream,
    hangup: Arc<Hangup>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.hangup.wanted.load(Ordering::Relaxed) {
            // With this option, a close discards unsent data and sends RST instead of FIN.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
