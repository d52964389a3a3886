//! The drivers over blocking embedded-io streams.

use crate::client::Caller;
use crate::command::{Command, NoReply};
use crate::error::Error;
use crate::format::Format;
use crate::{Connection, Next, Service};
use embedded_io::{Error as _, ErrorKind, Read, Write};

/// Serves one conversation until it is over.
///
/// It returns once the peer has ended its sending and everything is answered, or after an
/// error line that ends the conversation. Either way the last bytes are written, and the stream
/// is to be closed so that they arrive; see [`Step::Close`](crate::Step::Close).
///
/// Time limits are the stream's: a `read` that fails with a time-out ends the conversation here.
///
/// # Errors
/// [`Error::Transport`]: the stream failed. [`Error::Closed`]: it takes no more bytes.
///
/// ```
/// use bellwire::{Command, Connection, Endpoint, Line, blocking};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// let mut endpoint = Endpoint::<(), 1>::new();
/// endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you."))?;
///
/// # struct Wire { from: &'static [u8], to: Vec<u8> }
/// # impl embedded_io::ErrorType for Wire { type Error = core::convert::Infallible; }
/// # impl embedded_io::Read for Wire {
/// #     fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> { Ok(self.from.read(buf).unwrap()) }
/// # }
/// # impl embedded_io::Write for Wire {
/// #     fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> { self.to.extend(buf); Ok(buf.len()) }
/// #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # let mut uart = Wire { from: b"STRING\nhi\n", to: Vec::new() };
/// let (mut rx, mut tx) = ([0; 256], [0; 512]);
/// let mut connection = Connection::new(&mut rx, &mut tx);
/// blocking::serve(&mut uart, &mut endpoint.with(&mut ()), &mut connection)?;
/// # assert_eq!(uart.to, b"Thank you.\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn serve<S: Read + Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut Connection<'_>,
) -> Result<(), Error<S::Error>> {
    while answer(stream, service, connection)? {
        match read(stream, connection.space())? {
            0 => connection.end(),
            n => connection.received(n),
        }
    }
    Ok(())
}

/// Answers all that has arrived and sends the replies; what [`serve`] does between two reads.
/// Returns whether the conversation goes on: then receive more.
/// The service must be the same until the connection is reset.
///
/// It is for a server that reads by its own rules, say with time limits that depend on
/// [`Connection::begun`].
///
/// # Errors
/// As [`serve`].
pub fn answer<S: Write>(
    stream: &mut S,
    service: &mut impl Service,
    connection: &mut Connection<'_>,
) -> Result<bool, Error<S::Error>> {
    loop {
        let next = connection.advance(service);
        while connection.is_pending() {
            let n = write(stream, connection.pending())?;
            connection.sent(n);
        }
        if next != Next::Send {
            // Even with nothing to send: an earlier flush may have failed or been given up.
            flush(stream)?;
            return Ok(next == Next::Receive);
        }
    }
}

/// A client over a blocking stream: one call at a time, over two lent buffers.
///
/// `rx` holds one reply at a time, which as an error line takes up to 160 bytes; `tx` holds one request. A call that fails with
/// [`Error::Transport`], for instance when a `read` times out, leaves the client usable: the next
/// call sends what was not sent, skips the reply that is late, and then is answered itself.
///
/// ```no_run
/// use bellwire::{Command, Line, blocking::Client};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// # fn example<S: embedded_io::Read + embedded_io::Write>(stream: S) -> Result<(), bellwire::Error<S::Error>> {
/// let (mut rx, mut tx) = ([0; 256], [0; 256]);
/// let mut client = Client::new(stream, &mut rx, &mut tx);
/// let thanks: &str = client.call(STRING, "Additional data.")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<'b, S> {
    stream: S,
    caller: Caller<'b>,
    /// Whether the stream may still hold, or have to be given, something of the last request.
    unsent: bool,
}

impl<'b, S: Read + Write> Client<'b, S> {
    /// A client at the start of a conversation over `stream`.
    pub fn new(stream: S, rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        Self {
            stream,
            caller: Caller::new(rx, tx),
            unsent: false,
        }
    }

    /// The stream, for instance to set its time limits.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// [`Error::Refused`]: the server's error line. [`Error::Fault`]: the request does not fit
    /// `tx` or cannot be encoded, and nothing was sent; or the reply does not fit `rx` or
    /// cannot be decoded. [`Error::Closed`], [`Error::Transport`]: no reply came.
    pub fn call<Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: Req::Sent<'_>,
    ) -> Result<Rsp::Value<'_>, Error<S::Error>> {
        self.settle()?;
        self.caller.request(command, value).map_err(Error::widen)?;
        self.unsent = true;
        self.flush()?;
        self.wait()?;
        self.caller.reply(command).map_err(Error::widen)
    }

    /// Sends a request that has no reply, and returns once the stream has taken it.
    ///
    /// # Errors
    /// As [`call`](Self::call). Whether the server could use the request shows at the next call, if the
    /// stream still brings the error line then, or at [`finish`](Self::finish).
    pub fn send<Req: Format>(
        &mut self,
        command: Command<Req, NoReply>,
        value: Req::Sent<'_>,
    ) -> Result<(), Error<S::Error>> {
        self.settle()?;
        self.caller.request(command, value).map_err(Error::widen)?;
        self.unsent = true;
        self.flush()
    }

    /// Waits until the server has ended the conversation. This is for after the last request, once the
    /// stream's sending is ended: it shows how a request without reply fared.
    ///
    /// # Errors
    /// [`Error::Refused`]: the server's last word is an error line. [`Error::Fault`],
    /// [`Error::Closed`], [`Error::Transport`]: the end cannot be told.
    pub fn finish(&mut self) -> Result<(), Error<S::Error>> {
        self.settle()?;
        while !self.caller.is_over().map_err(Error::widen)? {
            self.receive()?;
        }
        Ok(())
    }

    /// Sends and skips what an earlier call that failed has left.
    fn settle(&mut self) -> Result<(), Error<S::Error>> {
        if self.unsent {
            self.flush()?;
        }
        while self.caller.is_waiting() && !self.caller.skip().map_err(Error::widen)? {
            self.receive()?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Error<S::Error>> {
        while !self.caller.has_reply().map_err(Error::widen)? {
            self.receive()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Error<S::Error>> {
        match read(&mut self.stream, self.caller.space())? {
            0 => self.caller.end(),
            n => self.caller.received(n),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error<S::Error>> {
        while !self.caller.pending().is_empty() {
            let n = write(&mut self.stream, self.caller.pending())?;
            self.caller.sent(n);
        }
        flush(&mut self.stream)?;
        self.unsent = false;
        Ok(())
    }
}

/// Reads at least one byte into `space`, which is not empty; 0 is the end of the stream.
fn read<S: Read>(stream: &mut S, space: &mut [u8]) -> Result<usize, Error<S::Error>> {
    loop {
        match stream.read(space) {
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}

/// Writes some of `bytes`, which are not empty.
fn write<S: Write>(stream: &mut S, bytes: &[u8]) -> Result<usize, Error<S::Error>> {
    loop {
        match stream.write(bytes) {
            Ok(0) => return Err(Error::Closed),
            Ok(n) => return Ok(n),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}

fn flush<S: Write>(stream: &mut S) -> Result<(), Error<S::Error>> {
    loop {
        match stream.flush() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Transport(error)),
        }
    }
}
