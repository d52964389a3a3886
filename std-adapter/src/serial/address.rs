//! Addresses of serial ports.

use bellwire::Printable;
use std::fmt;
use std::io::{self, ErrorKind};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The prefix that tells the address of a serial port from other addresses.
const PREFIX: &str = "serial:";

/// The baud rate of an address that names none.
const BAUD: NonZeroU32 = NonZeroU32::new(115_200).unwrap();

/// The address of a serial port: `serial:PATH?baud=115200&plain`.
///
/// | parameter | meaning | default |
/// |---|---|---|
/// | `baud=N` | bits per second, with 8 data bits, no parity and one stop bit | 115200 |
/// | `plain` | the bytes of the conversation as they are, instead of a [link](bellwire::link) | a link |
///
/// The prefix `serial:` may be missing. The path ends at the first question mark.
///
/// # Over a link
/// No byte of a conversation is lost, altered or duplicated. If the device does not answer, the conversation fails
/// after 80 retransmission times. That time is 100 ms, or longer for less than 115 200 baud: the time of 1 KiB on the
/// line. A device on a slow line should use the same; see
/// [`Link::with_retransmit`](bellwire::link::Link::with_retransmit).
///
/// # In plain text
/// A conversation begins after the line was quiet for 150 ms. Noise can alter requests and replies. After a request
/// without reply the server may still wait for its end, so the next conversation in the same process begins 10.5 s
/// after that request. That is longer than the default time limit for connecting.
///
/// # In both
/// Opening a port resets some boards. The bytes that arrive before the conversation are logged, never taken for a
/// reply. A serial line cannot signal an end of sending. So [`Client::finish`](crate::Client::finish) waits until all
/// is delivered and the line was quiet for 200 ms. A client that is dropped instead sends for at most 100 ms more. The
/// port is locked with `flock`, as other serial programs do.
///
/// ```
/// use bellwire_std::SerialAddress;
///
/// let address: SerialAddress = "serial:/dev/ttyUSB0".parse()?;
/// assert_eq!(address, SerialAddress::new("/dev/ttyUSB0"));
/// assert_eq!(address.to_string(), "serial:/dev/ttyUSB0?baud=115200");
///
/// let address: SerialAddress = "/dev/ttyUSB0?baud=9600&plain".parse()?;
/// assert_eq!((address.baud(), address.is_plain()), (9600, true));
/// assert_eq!(address.to_string(), "serial:/dev/ttyUSB0?baud=9600&plain");
///
/// let error = "serial:/dev/ttyUSB0?baud=fast".parse::<SerialAddress>().unwrap_err();
/// assert_eq!(error.to_string(), r#"invalid baud rate "fast"; expected a number from 1"#);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SerialAddress {
    path: PathBuf,
    baud: NonZeroU32,
    plain: bool,
}

impl SerialAddress {
    /// Returns the address of a link on the port at `path`, at 115 200 baud.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            baud: BAUD,
            plain: false,
        }
    }

    /// Returns the path of the port.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the bits per second.
    pub fn baud(&self) -> u32 {
        self.baud.get()
    }

    /// Returns whether the bytes of the conversation are on the line as they are, without a link.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    fn parameter(&mut self, parameter: &str) -> io::Result<()> {
        match parameter.split_once('=') {
            Some(("baud", rate)) => {
                self.baud = rate.parse().map_err(|_| {
                    invalid(format!(
                        "invalid baud rate {rate:?}; expected a number from 1"
                    ))
                })?;
            }
            None if parameter == "plain" => self.plain = true,
            _ => {
                return Err(invalid(format!(
                    "unknown parameter {parameter:?} of a serial port; expected baud=N or plain"
                )));
            }
        }
        Ok(())
    }
}

impl FromStr for SerialAddress {
    type Err = io::Error;

    /// Parses an address. Does not check whether the port exists.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the path is missing, or for an unknown, repeated or malformed parameter.
    fn from_str(text: &str) -> io::Result<Self> {
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let (path, parameters) = match text.split_once('?') {
            Some((path, parameters)) => (path, Some(parameters)),
            None => (text, None),
        };
        if path.is_empty() {
            return Err(invalid("the path of the serial port is missing".to_owned()));
        }
        let mut address = Self::new(path);
        let mut names = Vec::new();
        for parameter in parameters.into_iter().flat_map(|all| all.split('&')) {
            let name = parameter.split('=').next();
            if names.contains(&name) {
                return Err(invalid(format!(
                    "parameter {parameter:?} of a serial port is given twice"
                )));
            }
            names.push(name);
            address.parameter(parameter)?;
        }
        Ok(address)
    }
}

/// Paths are displayed escaped, by [`Printable`].
impl fmt::Display for SerialAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Printable::new(self.path.as_os_str().as_bytes()).to_string();
        let plain = if self.plain { "&plain" } else { "" };
        f.pad(&format!("{PREFIX}{path}?baud={}{plain}", self.baud))
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::SerialAddress;

    fn error(text: &str) -> String {
        text.parse::<SerialAddress>().unwrap_err().to_string()
    }

    #[test]
    fn a_printed_address_parses_to_the_same() {
        for text in [
            "serial:/dev/ttyS0?baud=115200",
            "serial:/dev/ttyS0?baud=1&plain",
            "serial:COM1:?baud=4294967295",
        ] {
            assert_eq!(text.parse::<SerialAddress>().unwrap().to_string(), text);
        }
        let swapped: SerialAddress = "/dev/ttyS0?plain&baud=9600".parse().unwrap();
        assert_eq!(swapped.to_string(), "serial:/dev/ttyS0?baud=9600&plain");
    }

    #[test]
    fn a_wrong_address_says_which_part_is_wrong() {
        for text in ["", "serial:", "?baud=9600"] {
            assert_eq!(error(text), "the path of the serial port is missing");
        }
        for rate in ["", "0", "-1", "1e6", "4294967296"] {
            let what = format!("invalid baud rate {rate:?}; expected a number from 1");
            assert_eq!(error(&format!("/dev/ttyS0?baud={rate}")), what);
        }
        for parameter in ["", "parity=even", "baud", "plain=yes", "Plain"] {
            let what = format!(
                "unknown parameter {parameter:?} of a serial port; expected baud=N or plain"
            );
            assert_eq!(error(&format!("/dev/ttyS0?{parameter}")), what);
        }
        assert_eq!(
            error("/dev/ttyS0?baud=1&plain&baud=2"),
            r#"parameter "baud=2" of a serial port is given twice"#
        );
    }
}
