//! `bellwire connect`: the client over TCP.

use crate::convert::DataFormat;
use crate::failure::Failure;
use crate::output::{self, Unprinted};
use crate::target::Target;
use bellwire::Printable;
use commands::{GOB, POSTCARD, STRING, TEXT};

/// The command line of `bellwire connect`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The encoding of the structure. As in the Go tutorial, the server sends no reply to gob.
    #[arg(long, value_enum, default_value = "gob")]
    format: DataFormat,
}

/// Sends the text and the structure to the server, and prints the replies. Characters that would
/// control a terminal are escaped.
///
/// # Errors
/// If the server is unreachable, returns an error or exceeds the time limit, or if printing fails.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut client = arguments.target.connect()?;
    print(&client.call(STRING, TEXT)?)?;
    let value = commands::value();
    match arguments.format {
        DataFormat::Gob => client.send(GOB, &value)?,
        DataFormat::Postcard => print(&client.call(POSTCARD, &value)?)?,
    }
    // The server can still answer a request without reply with an error line.
    Ok(client.finish()?)
}

/// Prints a reply escaped by [`Printable`], also into a pipe.
fn print(reply: &str) -> Result<(), Unprinted> {
    output::line(Printable::new(reply))
}
