//! The header of the PROXY protocol, version 2, with which a load balancer tells a client's address.

use crate::probe::is_cut;
use ppp::v2::{Addresses, Header, PROTOCOL_PREFIX};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of the part that tells the length of the rest.
const FIXED: usize = 16;

/// The version and command, in one byte, with which a balancer speaks for itself.
const LOCAL: u8 = 0x20;

/// Bytes that the rest may take: an address has at most 216, and load balancers add some hundred.
/// Without a limit of its own, each connection could have 64 KiB set aside before it is known.
const REST: usize = 4096;

/// Reads the header, up to exactly its last byte, and returns the address in it; or none where the
/// balancer speaks for itself, as it does to see whether the server is well.
///
/// When the connection ends first, as that of a balancer's probe may, it is
/// [unused](crate::probe::is_unused).
pub(super) async fn read_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<SocketAddr>> {
    let mut fixed = [0; FIXED];
    let mut filled = 0;
    while filled < FIXED {
        match stream.read(&mut fixed[filled..]).await.map_err(ended)? {
            0 => return Err(ended(ErrorKind::UnexpectedEof.into())),
            n => filled += n,
        }
        let begun = filled.min(PROTOCOL_PREFIX.len());
        if fixed[..begun] != PROTOCOL_PREFIX[..begun] {
            return Err(invalid(
                "it does not begin with a header of the PROXY protocol, version 2",
            ));
        }
    }
    let mut rest = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if fixed[12] == LOCAL {
        // The family, and all that follows, is to be ignored.
        let mut ignored = [0; 64];
        while rest > 0 {
            let next = rest.min(ignored.len());
            let next = &mut ignored[..next];
            rest -= stream.read_exact(next).await.map_err(ended)?;
        }
        return Ok(None);
    }
    if rest > REST {
        return Err(invalid("its PROXY protocol header is too long"));
    }
    let mut bytes = fixed.to_vec();
    bytes.resize(FIXED + rest, 0);
    let tail = &mut bytes[FIXED..];
    stream.read_exact(tail).await.map_err(ended)?;
    let header = Header::try_from(&bytes[..])
        .map_err(|error| invalid(&format!("its PROXY protocol header is wrong: {error}")))?;
    Ok(match header.addresses {
        Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
        Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
        Addresses::Unspecified | Addresses::Unix(_) => None,
    })
}

/// The error of a connection on which the header does not come.
pub(super) fn no_header(kind: ErrorKind, why: &str) -> io::Error {
    io::Error::new(kind, format!("its PROXY protocol header {why}"))
}

fn ended(error: io::Error) -> io::Error {
    if is_cut(&error) {
        let why = "had not come when the connection ended";
        return no_header(ErrorKind::ConnectionAborted, why);
    }
    error
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::{REST, read_header};
    use std::io;
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncRead, ReadBuf};

    const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

    /// A stream that brings its bytes in pieces of one size, and counts the reads.
    struct Pieces<'a> {
        bytes: &'a [u8],
        size: usize,
        reads: usize,
    }

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.reads += 1;
            let size = self.size.min(self.bytes.len()).min(buf.remaining());
            let (piece, rest) = self.bytes.split_at(size);
            buf.put_slice(piece);
            self.bytes = rest;
            Poll::Ready(Ok(()))
        }
    }

    /// What comes of a header with this version, command, family and rest, then of a request. It is
    /// cut at every size.
    #[track_caller]
    fn reads(head: [u8; 2], rest: &[u8]) -> Result<Option<SocketAddr>, String> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        let header = [&SIGNATURE[..], &head, &length, rest].concat();
        let bytes = [&header[..], b"STRING\n"].concat();
        let mut outcome = None;
        for size in 1..=bytes.len().min(300) {
            let mut pieces = Pieces {
                bytes: &bytes,
                size,
                reads: 0,
            };
            let read = pollster::block_on(read_header(&mut pieces));
            // Each takes a piece, except the last of a part, or of 64 bytes that are ignored.
            assert!(pieces.reads <= bytes.len().div_ceil(size) + 2 + header.len() / 64);
            if read.is_ok() {
                assert_eq!(pieces.bytes, b"STRING\n", "pieces of {size}");
            }
            let read = read.map_err(|error| error.to_string());
            assert_eq!(*outcome.get_or_insert_with(|| read.clone()), read);
        }
        outcome.unwrap()
    }

    /// A balancer that relays nobody, or nobody with an address.
    const ITSELF: Result<Option<SocketAddr>, String> = Ok(None);

    #[test]
    fn each_version_command_and_family_is_read_as_the_specification_says() {
        let address = |text: &str| Ok(Some(text.parse::<SocketAddr>().unwrap()));
        let v4 = [192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0xee, 0x48];
        let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 28], &v4[8..]].concat();
        let unix = [b'/'; 216];
        let with = |address: &[u8], more: &[u8]| [address, more].concat();
        // An ALPN, a checksum, and padding without bytes; then what is no TLV.
        let tlvs = with(&v4, b"\x01\0\x02h2\x03\0\x04sum!\x04\0\0");
        let torn = with(&v4, b"\x01\xff");

        assert_eq!(reads([0x21, 0x11], &v4), address("192.0.2.7:12345"));
        assert_eq!(reads([0x21, 0x12], &v4), address("192.0.2.7:12345"));
        assert_eq!(reads([0x21, 0x21], &v6), address("[2001:db8::]:12345"));
        assert_eq!(reads([0x21, 0x22], &v6), address("[2001:db8::]:12345"));
        assert_eq!(reads([0x21, 0x11], &tlvs), address("192.0.2.7:12345"));
        assert_eq!(reads([0x21, 0x11], &torn), address("192.0.2.7:12345"));
        assert_eq!(reads([0x21, 0x31], &unix), ITSELF);
        assert_eq!(reads([0x21, 0x32], &unix), ITSELF);
        assert_eq!(reads([0x21, 0x00], &[]), ITSELF);
        assert_eq!(reads([0x21, 0x00], &v4), ITSELF);
        assert_eq!(reads([0x21, 0x01], b"left out"), ITSELF);

        for family in [0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x10, 0x4f, 0xff] {
            for rest in [&[][..], &[0], &v4, &v6, &unix, &tlvs, &[0xff; 5000]] {
                assert_eq!(reads([0x20, family], rest), ITSELF, "{family:#x}");
            }
        }
        assert_eq!(reads([0x20, 0x11], &vec![0; 65535]), ITSELF);

        let refused = |head, rest: &[u8]| reads(head, rest).unwrap_err();
        let wrong = |head, rest: &[u8]| {
            let error = refused(head, rest);
            assert!(error.starts_with("its PROXY protocol header is wrong: "));
        };
        wrong([0x21, 0x11], &v4[..11]);
        wrong([0x21, 0x21], &v6[..35]);
        wrong([0x21, 0x31], &unix[..215]);
        wrong([0x21, 0x11], &[]);
        wrong([0x21, 0x13], &v4);
        wrong([0x21, 0x41], &v4);
        wrong([0x22, 0x11], &v4);
        wrong([0x2f, 0x11], &v4);
        wrong([0x11, 0x11], &v4);
        wrong([0x10, 0x11], &v4);
        wrong([0x31, 0x11], &v4);
        let long = with(&v4, &[0; REST]);
        let error = "its PROXY protocol header is too long";
        assert_eq!(refused([0x21, 0x11], &long), error);
        let longest = &long[..REST];
        assert_eq!(reads([0x21, 0x11], longest), address("192.0.2.7:12345"));
    }

    #[test]
    fn what_is_no_such_header_is_refused_at_its_first_other_byte() {
        let no_header = "it does not begin with a header of the PROXY protocol, version 2";
        for bytes in [
            &b"PROXY UNKNOWN\r\n"[..],
            b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 61000\r\n",
            b"PROXY TCP6 ::1 ::1 12345 61000\r\n",
            b"STRING\n",
            b"\x16\x03\x01",
            b"\r\n\r\n\0\r\nQUI\0",
        ] {
            let mut pieces = Pieces {
                bytes,
                size: bytes.len(),
                reads: 0,
            };
            let error = pollster::block_on(read_header(&mut pieces)).unwrap_err();
            assert_eq!((error.to_string().as_str(), pieces.reads), (no_header, 1));
        }
    }

    #[test]
    fn a_connection_that_ends_before_its_header_does_was_not_used() {
        for header in [&b"\x21\x11\0\x0c............"[..], b"\x20\0\x01\0........"] {
            let header = [&SIGNATURE[..], header].concat();
            for end in 0..header.len() {
                let mut pieces = Pieces {
                    bytes: &header[..end],
                    size: end.max(1),
                    reads: 0,
                };
                let error = pollster::block_on(read_header(&mut pieces)).unwrap_err();
                assert!(crate::probe::is_unused(&error), "{error}");
            }
        }
    }
}
