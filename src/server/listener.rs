//! Listening: loopback addresses and Unix sockets, and the connections that come in.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::OwnedSemaphorePermit,
};
use tonic::transport::server::Connected;

use crate::config::Listen;

/// A bound address. Dropping it removes the file of a Unix socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: Listen,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection that was accepted and belongs to no runtime yet.
#[derive(Debug)]
pub struct Accepted {
    socket: AcceptedSocket,
    peer: Arc<str>,
}

#[derive(Debug)]
enum AcceptedSocket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection on the runtime that serves it.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    peer: Arc<str>,
    /// Counts the connection against `CONNECTIONS_MAX` until it is closed.
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Where a connection comes from, for log lines: `127.0.0.1`, or `unix:1000` with the user id of the process.
#[derive(Clone, Debug)]
pub struct Peer(pub Arc<str>);

impl Listener {
    /// Binds the address.
    ///
    /// The file of a Unix socket that nobody serves is replaced; its mode lets only the owner and the group in.
    ///
    /// # Errors
    /// The operating system's, `AddrInUse` also for a Unix socket that is served; `InvalidInput` for an address that
    /// other machines can reach.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) if address.ip().is_loopback() => {
                let socket = TcpListener::bind(address).await?;
                let address = Listen::Tcp(socket.local_addr()?);
                Ok(Self { socket: Socket::Tcp(socket), address })
            }
            Listen::Tcp(address) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{address}` is reachable from other machines, and this version has no TLS"),
            )),
            Listen::Unix(path) => {
                remove_stale(path)?;
                let socket = UnixListener::bind(path)?;
                restrict(path)?;
                Ok(Self { socket: Socket::Unix(socket), address: listen.clone() })
            }
        }
    }

    /// The address with the port that was bound.
    #[must_use]
    pub const fn address(&self) -> &Listen {
        &self.address
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// The operating system's; most of them concern one connection only, and the next one may be fine.
    pub async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and must not wait for more.
                stream.set_nodelay(true)?;
                let peer = peer.ip().to_string().into();
                Ok(Accepted { socket: AcceptedSocket::Tcp(stream.into_std()?), peer })
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = format!("unix:{}", stream.peer_cred()?.uid()).into();
                Ok(Accepted { socket: AcceptedSocket::Unix(stream.into_std()?), peer })
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let (Socket::Unix(_), Listen::Unix(path)) = (&self.socket, &self.address) {
            // A file that stays behind is stale and is replaced at the next start.
            drop(std::fs::remove_file(path));
        }
    }
}

impl Accepted {
    /// Takes the connection to the runtime that this runs on.
    ///
    /// # Errors
    /// The operating system's, when the socket cannot be watched.
    pub fn adopt(self, permit: OwnedSemaphorePermit) -> io::Result<Connection> {
        let stream = match self.socket {
            AcceptedSocket::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream)?),
            AcceptedSocket::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)?),
        };
        Ok(Connection { stream, peer: self.peer, _permit: permit })
    }
}

/// Removes the file of a Unix socket whose server is gone.
fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;

    let in_use =
        |why: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, format!("`{}` {why}", path.display())));
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => in_use("is there already and is no socket"),
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => in_use("is served by another process"),
            Err(_) => std::fs::remove_file(path),
        },
    }
}

fn restrict(path: &PathBuf) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer(self.peer.clone())
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
