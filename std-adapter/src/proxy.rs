//! The PROXY protocol header, version 2, by which a load balancer passes on a client's address.

use crate::probe::is_cut;
use ppp::v2::{Addresses, Header, PROTOCOL_PREFIX};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;

/// Bytes of the fixed part, which contains the length of the rest.
const FIXED: usize = 16;

/// The byte of the version and the command `LOCAL`: the load balancer speaks for itself.
const LOCAL: u8 = 0x20;

/// Maximum bytes of the rest. Addresses take at most 216 bytes, and load balancers add a few hundred.
/// Without this limit, each unidentified connection could allocate 64 KiB.
const REST: usize = 4096;

/// The part of a header that has arrived.
#[derive(Default)]
pub(crate) struct HeaderReader {
    bytes: Vec<u8>,
    /// Bytes of the rest that were read and ignored.
    ignored: usize,
}

impl HeaderReader {
    /// Reads the header, up to exactly its last byte, and returns its address. Returns `None` if the
    /// load balancer speaks for itself, for example in a health check, or if the header has no IP
    /// address. After an error of the kind [`WouldBlock`](ErrorKind::WouldBlock) it can be repeated.
    ///
    /// If the connection ends before the header, as a load balancer's probe may, the error is
    /// [unused](crate::probe::is_unused).
    pub(crate) fn read(&mut self, stream: &mut impl Read) -> io::Result<Option<SocketAddr>> {
        self.fill(stream, FIXED)?;
        let rest = usize::from(u16::from_be_bytes([self.bytes[14], self.bytes[15]]));
        if self.bytes[12] == LOCAL {
            // The specification requires ignoring the family and the rest.
            while self.ignored < rest {
                self.ignored += read_some(stream, rest - self.ignored, &mut [0; 64])?.len();
            }
            return Ok(None);
        }
        if rest > REST {
            return Err(invalid("the PROXY protocol header is too long"));
        }
        self.fill(stream, FIXED + rest)?;
        let header = Header::try_from(&self.bytes[..])
            .map_err(|error| invalid(&format!("invalid PROXY protocol header: {error}")))?;
        Ok(match header.addresses {
            Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
            Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
            Addresses::Unspecified | Addresses::Unix(_) => None,
        })
    }

    /// Reads until `length` bytes have arrived.
    fn fill(&mut self, stream: &mut impl Read, length: usize) -> io::Result<()> {
        while self.bytes.len() < length {
            let missing = length - self.bytes.len();
            let mut piece = [0; 256];
            self.bytes
                .extend_from_slice(read_some(stream, missing, &mut piece)?);
            let begun = self.bytes.len().min(PROTOCOL_PREFIX.len());
            if self.bytes[..begun] != PROTOCOL_PREFIX[..begun] {
                return Err(invalid(
                    "it does not begin with a PROXY protocol version 2 header",
                ));
            }
        }
        Ok(())
    }
}

/// Reads at least one byte, and at most `missing`.
fn read_some<'b>(
    stream: &mut impl Read,
    missing: usize,
    buf: &'b mut [u8],
) -> io::Result<&'b [u8]> {
    let most = missing.min(buf.len());
    match stream.read(&mut buf[..most]) {
        Ok(0) => Err(ended(ErrorKind::UnexpectedEof.into())),
        Ok(n) => Ok(&buf[..n]),
        Err(error) => Err(ended(error)),
    }
}

/// Returns the error of a header that has not arrived when the time is over.
pub(crate) fn too_slow() -> io::Error {
    no_header(ErrorKind::TimedOut, "did not come in time")
}

/// Returns the error of a header that has not arrived when the server stops.
pub(crate) fn stopping() -> io::Error {
    no_header(
        ErrorKind::Interrupted,
        "had not come when the server stopped",
    )
}

fn no_header(kind: ErrorKind, why: &str) -> io::Error {
    io::Error::new(kind, format!("the PROXY protocol header {why}"))
}

fn ended(error: io::Error) -> io::Error {
    if is_cut(&error) {
        let why = "was incomplete when the connection ended";
        return no_header(ErrorKind::ConnectionAborted, why);
    }
    error
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::{HeaderReader, REST};
    use std::io::{self, ErrorKind, Read};
    use std::net::SocketAddr;

    const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

    /// A stream that returns its bytes in pieces of one size, blocks after each, and counts the reads
    /// that do not block.
    struct Pieces<'a> {
        bytes: &'a [u8],
        size: usize,
        reads: usize,
        blocked: bool,
    }

    impl<'a> Pieces<'a> {
        fn new(bytes: &'a [u8], size: usize) -> Self {
            Self {
                bytes,
                size,
                reads: 0,
                blocked: false,
            }
        }

        /// Reads a header, as often as the stream blocks.
        fn header(&mut self) -> io::Result<Option<SocketAddr>> {
            let mut header = HeaderReader::default();
            loop {
                match header.read(self) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    done => return done,
                }
            }
        }
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.blocked = !self.blocked;
            if self.blocked {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.reads += 1;
            let size = self.size.min(self.bytes.len()).min(buf.len());
            let (piece, rest) = self.bytes.split_at(size);
            buf[..size].copy_from_slice(piece);
            self.bytes = rest;
            Ok(size)
        }
    }

    /// Reads a header with this version, command, family and rest, followed by a request, in pieces
    /// of every size.
    #[track_caller]
    fn reads(head: [u8; 2], rest: &[u8]) -> Result<Option<SocketAddr>, String> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        let header = [&SIGNATURE[..], &head, &length, rest].concat();
        let bytes = [&header[..], b"STRING\n"].concat();
        let mut outcome = None;
        for size in 1..=bytes.len().min(300) {
            let mut pieces = Pieces::new(&bytes, size);
            let read = pieces.header();
            // Each read takes a piece, except the last read of a part or of 64 ignored bytes.
            assert!(pieces.reads <= bytes.len().div_ceil(size) + 2 + header.len() / 64);
            if read.is_ok() {
                assert_eq!(pieces.bytes, b"STRING\n", "pieces of {size}");
            }
            let read = read.map_err(|error| error.to_string());
            assert_eq!(*outcome.get_or_insert_with(|| read.clone()), read);
        }
        outcome.unwrap()
    }

    /// A load balancer that speaks for itself, or a client without an IP address.
    const ITSELF: Result<Option<SocketAddr>, String> = Ok(None);

    #[test]
    fn each_version_command_and_family_is_read_as_specified() {
        let address = |text: &str| Ok(Some(text.parse::<SocketAddr>().unwrap()));
        let v4 = [192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0xee, 0x48];
        let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 28], &v4[8..]].concat();
        let unix = [b'/'; 216];
        let with = |address: &[u8], more: &[u8]| [address, more].concat();
        // An ALPN, a checksum, and empty padding; then bytes that are not a TLV.
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
            assert!(error.starts_with("invalid PROXY protocol header: "));
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
        let error = "the PROXY protocol header is too long";
        assert_eq!(refused([0x21, 0x11], &long), error);
        let longest = &long[..REST];
        assert_eq!(reads([0x21, 0x11], longest), address("192.0.2.7:12345"));
    }

    #[test]
    fn other_bytes_are_refused_at_the_first_difference() {
        let no_header = "it does not begin with a PROXY protocol version 2 header";
        for bytes in [
            &b"PROXY UNKNOWN\r\n"[..],
            b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 61000\r\n",
            b"PROXY TCP6 ::1 ::1 12345 61000\r\n",
            b"STRING\n",
            b"\x16\x03\x01",
            b"\r\n\r\n\0\r\nQUI\0",
        ] {
            let mut pieces = Pieces::new(bytes, bytes.len());
            let error = pieces.header().unwrap_err();
            assert_eq!((error.to_string().as_str(), pieces.reads), (no_header, 1));
        }
    }

    #[test]
    fn a_connection_that_ends_within_its_header_is_unused() {
        for header in [&b"\x21\x11\0\x0c............"[..], b"\x20\0\x01\0........"] {
            let header = [&SIGNATURE[..], header].concat();
            for end in 0..header.len() {
                let mut pieces = Pieces::new(&header[..end], end.max(1));
                let error = pieces.header().unwrap_err();
                assert!(crate::probe::is_unused(&error), "{error}");
            }
        }
    }
}
