//! One page over HTTP/1: as much of it as a scraper needs, with every resource bounded.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Connections at a time. A further one takes the place of the oldest.
const CONNECTIONS: usize = 16;

/// How long a connection may last, from its first byte to the end of the page.
const TIME: Duration = Duration::from_secs(5);

/// The most bytes of a request's head.
const HEAD: usize = 8192;

/// How long to wait after an accept that failed, for instance because no file descriptor is left.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers GET and HEAD of `/metrics` with the text of `page`, one request for each connection.
///
/// # Errors
/// When the runtime cannot wait on the listener.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    page: impl Fn() -> String + Send + Sync + 'static,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let page = Arc::new(page);
    let mut open: VecDeque<JoinHandle<()>> = VecDeque::with_capacity(CONNECTIONS);
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failing = false;
                open.retain(|task| !task.is_finished());
                if open.len() == CONNECTIONS
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                    // Its socket is closed before another one is accepted.
                    let _ = oldest.await;
                }
                let page = Arc::clone(&page);
                open.push_back(tokio::spawn(async move {
                    // Neither a slow peer nor one that has gone is worth a line in the log.
                    let _ = timeout(TIME, converse(stream, &*page)).await;
                }));
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(
                        "cannot accept connections for metrics, next try in {PAUSE:?}: {error}"
                    );
                }
                failing = true;
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(mut stream: TcpStream, page: impl Fn() -> String) -> io::Result<()> {
    let mut head = Vec::new();
    let answer = loop {
        let searched = head.len().saturating_sub(3);
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if ends(&head[searched..]) {
            break answer(&head, page);
        }
        if head.len() > HEAD {
            break response("431 Request Header Fields Too Large", "", "");
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // To close with bytes unread would reset the connection, and the page could be lost.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Whether an empty line, which ends a head, is in these bytes.
fn ends(head: &[u8]) -> bool {
    head.windows(2).any(|end| end == b"\n\n") || head.windows(4).any(|end| end == b"\r\n\r\n")
}

/// The answer to a request with this head.
fn answer(head: &[u8], page: impl Fn() -> String) -> String {
    let line = head.split(|byte| b"\r\n".contains(byte)).next();
    let words: Vec<_> = line.unwrap_or(&[]).split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return response("400 Bad Request", "", "");
    };
    if !version.starts_with(b"HTTP/1.") {
        return response("505 HTTP Version Not Supported", "", "");
    }
    let path = target.split(|byte| *byte == b'?').next();
    match (method, path) {
        (b"GET" | b"HEAD", Some(b"/metrics")) => {
            let kind = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
            let mut answer = response("200 OK", kind, &page());
            if method == b"HEAD" {
                answer.truncate(answer.find("\r\n\r\n").map_or(0, |end| end + 4));
            }
            answer
        }
        (b"GET" | b"HEAD", _) => response("404 Not Found", "", ""),
        _ => response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", ""),
    }
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::{answer, ends};

    #[test]
    fn a_request_is_answered_by_its_method_and_path() {
        for (head, status) in [
            ("GET /metrics HTTP/1.1\r\n\r\n", "200 OK"),
            ("GET /metrics?x=y HTTP/1.0\r\n\r\n", "200 OK"),
            ("HEAD /metrics HTTP/1.1\n\n", "200 OK"),
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            (
                "GET /metrics HTTP/2\r\n\r\n",
                "505 HTTP Version Not Supported",
            ),
            ("GET /metrics\r\n\r\n", "400 Bad Request"),
            ("\r\n\r\n", "400 Bad Request"),
            ("\x16\x03 a b c\r\n\r\n", "400 Bad Request"),
        ] {
            let answer = answer(head.as_bytes(), || "a 1\n".to_owned());
            let start = format!("HTTP/1.1 {status}\r\n");
            assert!(answer.starts_with(&start), "{head:?}: {answer}");
            let body = head.starts_with("GET") && status == "200 OK";
            assert_eq!(answer.ends_with("\r\n\r\na 1\n"), body, "{head:?}");
            assert!(body || answer.ends_with("\r\n\r\n"), "{head:?}");
        }
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert!(ends(b"GET / HTTP/1.1\r\n\r\n") && ends(b"GET / HTTP/1.1\n\n"));
        assert!(!ends(b"GET / HTTP/1.1\r\n") && !ends(b"GET / HTTP/1.1\r\nA: b\r\n"));
    }
}
