//! `bellwire list`: the commands of a server.

use crate::failure::Failure;
use crate::output::{self, Unprinted};
use crate::target::Target;
use bellwire::Printable;
use bellwire_std::schema::{fetch, list};

/// The command line of `bellwire list`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print whole descriptions as a JSON array. `call --schema` reads it.
    #[arg(long)]
    json: bool,
}

/// Prints a line for each command: its name, its request and its reply.
///
/// # Errors
/// If the server is unreachable, or does not describe its commands.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut client = arguments.target.connect()?;
    let listed = list(&mut client)?;
    if !arguments.json {
        let texts: Vec<_> = listed.into_iter().map(|command| command.text).collect();
        return Ok(print(&texts)?);
    }
    let mut texts = Vec::new();
    for command in listed
        .iter()
        .filter(|command| command.fingerprint.is_some())
    {
        texts.push(fetch(&mut client, &command.name)?.to_string());
    }
    let json = serde_json::to_string_pretty(&texts).map_err(Failure::usage)?;
    Ok(output::line(json)?)
}

/// Prints a line for each description. Requests are aligned.
pub(crate) fn print(texts: &[String]) -> Result<(), Unprinted> {
    let names = texts.iter().map(|text| name(text).len());
    let width = names.max().unwrap_or(0);
    for text in texts {
        let name = name(text);
        let rest = text.get(name.len()..).unwrap_or("");
        let name = Printable::new(name).to_string();
        let line = format!("{name:width$}{}", Printable::new(rest));
        output::line(line.trim_ascii_end())?;
    }
    Ok(())
}

/// Returns the name of the described command.
pub(crate) fn name(text: &str) -> &str {
    text.split(' ').next().unwrap_or("")
}
