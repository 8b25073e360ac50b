//! The connection to the server, with a bound on the bytes that arrive.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{address::Address, tls::Tls};

/// TCP or TLS. Reading fails once the budget is spent.
pub(super) struct Stream {
    inner: Box<dyn Socket>,
    budget: Budget,
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// The number of bytes that may still arrive. Clones share it.
#[derive(Clone)]
pub(super) struct Budget {
    left: Arc<AtomicU64>,
    full: u64,
}

impl Budget {
    pub(super) fn new(full: u64) -> Self {
        Self {
            left: Arc::new(AtomicU64::new(full)),
            full,
        }
    }

    pub(super) fn refill(&self) {
        self.left.store(self.full, Ordering::Relaxed);
    }

    /// Returns false if there is not as much left.
    fn spend(&self, bytes: u64) -> bool {
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        spent.is_ok()
    }
}

impl Stream {
    pub(super) async fn connect(
        address: &Address,
        tls: Option<&Tls>,
        budget: Budget,
    ) -> io::Result<Self> {
        let tcp = TcpStream::connect((&*address.host, address.port)).await?;
        tcp.set_nodelay(true)?;
        let inner: Box<dyn Socket> = match tls {
            Some(tls) => Box::new(tls.connect(&address.host, tcp).await?),
            None => Box::new(tcp),
        };
        Ok(Self { inner, budget })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let received = buf.filled().len().saturating_sub(before);
        match self
            .budget
            .spend(u64::try_from(received).unwrap_or(u64::MAX))
        {
            true => Poll::Ready(Ok(())),
            false => Poll::Ready(Err(io::Error::other("the server sends too much"))),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
