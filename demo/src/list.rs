//! `bellwire list`: the commands of a server.

use crate::failure::Failure;
use crate::output;
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
        let width = listed.iter().map(|command| command.name.len()).max();
        for command in &listed {
            let name = Printable::new(&command.name).to_string();
            let rest = command.text.get(command.name.len()..).unwrap_or("");
            let line = format!(
                "{name:width$}{}",
                Printable::new(rest),
                width = width.unwrap_or(0)
            );
            output::line(line.trim_ascii_end())?;
        }
        return Ok(());
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
