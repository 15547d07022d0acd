//! Just enough of HTTP/1.1 for the generator. It shares the machine with the server it measures, so it must cost little.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time,
};

/// Longer than any answer should take; what comes later counts as not answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Thousands of streams are held at once.
const BUFFER: usize = 4096;

/// A connection kept alive, as a browser does.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    /// Whom it speaks for, as a proxy would.
    visitor: Option<Ipv4Addr>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub location: Option<String>,
    /// `NAME=VALUE` of the first cookie set.
    pub cookie: Option<String>,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(host: SocketAddr) -> io::Result<Connection> {
        Self::open_from(host, Ipv4Addr::UNSPECIFIED).await
    }

    /// From one of this machine's addresses.
    pub async fn open_from(host: SocketAddr, from: Ipv4Addr) -> io::Result<Connection> {
        let socket = if host.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if host.is_ipv4() && !from.is_unspecified() {
            socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        }
        let stream = time::timeout(PATIENCE, socket.connect(host)).await??;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::with_capacity(BUFFER, stream), host, visitor: None })
    }

    /// The next requests come from this visitor, as far as a server behind a proxy can tell.
    pub fn speak_for(&mut self, visitor: Ipv4Addr) {
        self.visitor = Some(visitor);
    }

    fn forwarded(&self) -> String {
        self.visitor.map(|visitor| format!("X-Forwarded-For: {visitor}\r\n")).unwrap_or_default()
    }

    pub async fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.get_as(path, "").await
    }

    /// With a cookie, if it is not empty.
    pub async fn get_as(&mut self, path: &str, cookie: &str) -> io::Result<Reply> {
        let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip, br\r\n{cookie}{}\r\n", self.host, self.forwarded());
        self.exchange(head).await
    }

    /// As text that can be read.
    pub async fn get_unpacked(&mut self, path: &str, cookie: &str) -> io::Result<Reply> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", self.host)).await
    }

    /// Posts a form of ours, as the island does.
    pub async fn post(&mut self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> io::Result<Reply> {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let body = body.join("&");
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/plain\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{}\r\n{body}",
            self.host,
            body.len(),
            self.forwarded()
        );
        self.exchange(request).await
    }

    /// Opens a live stream and reads nothing more than its head.
    pub async fn stream(mut self, path: &str, cookie: &str) -> io::Result<Stream> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n{}\r\n", self.host, self.forwarded());
        self.stream.get_mut().write_all(head.as_bytes()).await?;
        let (reply, _) = time::timeout(PATIENCE, read_head(&mut self.stream)).await??;
        if reply.status == 200 { Ok(Stream(self.stream)) } else { Err(io::Error::other(format!("status {}", reply.status))) }
    }

    /// Posts a form with a file.
    pub async fn upload(&mut self, path: &str, cookie: &str, name: &str, bytes: &[u8]) -> io::Result<Reply> {
        let begin = format!("--part\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n");
        let body = [begin.as_bytes(), bytes, b"\r\n--part--\r\n"].concat();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: multipart/form-data; boundary=part\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.exchange([head.as_bytes(), &body].concat()).await
    }

    /// `ConnectionAborted` says that no byte of an answer came: the other side had closed a connection that was kept.
    async fn exchange(&mut self, request: impl AsRef<[u8]>) -> io::Result<Reply> {
        time::timeout(PATIENCE, async {
            self.stream.get_mut().write_all(request.as_ref()).await.map_err(closed)?;
            if self.stream.fill_buf().await.map_err(closed)?.is_empty() {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            read_reply(&mut self.stream).await
        })
        .await?
    }
}

/// A live stream.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The next line of an event; the lines that frame the chunks are among them.
    pub async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.0.read_until(b'\n', &mut line).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

fn closed(_: io::Error) -> io::Error {
    ErrorKind::ConnectionAborted.into()
}

async fn read_reply(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Reply> {
    let (mut reply, length) = read_head(stream).await?;
    match length {
        Some(length) => read_more(stream, &mut reply.body, length).await?,
        None => while read_chunk(stream, &mut reply.body).await? {},
    }
    Ok(reply)
}

/// Status and headers, and the length of the body; `None` if it comes in chunks.
async fn read_head(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<(Reply, Option<usize>)> {
    let mut reply = Reply { status: read_line(stream).await?.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(garbled)?, ..Reply::default() };
    let (mut length, mut is_chunked) = (None, false);
    loop {
        let line = read_line(stream).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse().map_err(|_| garbled())?),
            "transfer-encoding" => is_chunked = value.eq_ignore_ascii_case("chunked"),
            "retry-after" => reply.retry_after = value.parse().ok(),
            "location" => reply.location = Some(value.to_owned()),
            "set-cookie" if reply.cookie.is_none() => reply.cookie = value.split(';').next().map(str::to_owned),
            _ => {}
        }
    }
    if is_chunked { Ok((reply, None)) } else { Ok((reply, Some(length.ok_or_else(garbled)?))) }
}

/// One chunk; false after the last.
async fn read_chunk(stream: &mut (impl AsyncBufRead + Unpin), body: &mut Vec<u8>) -> io::Result<bool> {
    let size = usize::from_str_radix(&read_line(stream).await?, 16).map_err(|_| garbled())?;
    read_more(stream, body, size).await?;
    read_line(stream).await?;
    Ok(size > 0)
}

async fn read_more(stream: &mut (impl AsyncBufRead + Unpin), body: &mut Vec<u8>, count: usize) -> io::Result<()> {
    let start = body.len();
    body.resize(start + count, 0);
    stream.read_exact(&mut body[start..]).await.map(|_| ())
}

/// One line without its end.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| ErrorKind::UnexpectedEof.into())
}

fn garbled() -> io::Error {
    ErrorKind::InvalidData.into()
}

/// Percent-encodes a form's value.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replies_follow_each_other_on_one_connection() {
        let mut stream: &[u8] = b"HTTP/1.1 303 See Other\r\nLocation: /c/1\r\nSet-Cookie: device=abc; Path=/\r\ncontent-length: 0\r\n\r\n\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n\
            HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n42";
        let first = read_reply(&mut stream).await.unwrap();
        assert_eq!(first, Reply { status: 303, location: Some("/c/1".into()), cookie: Some("device=abc".into()), ..Reply::default() });
        assert_eq!(read_reply(&mut stream).await.unwrap().body, b"abc0123456789");
        assert_eq!(read_reply(&mut stream).await.unwrap().body, b"42");
        assert!(read_reply(&mut stream).await.is_err(), "the connection has ended");
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encode("a-1 灯&="), "a-1%20%E7%81%AF%26%3D");
    }
}
