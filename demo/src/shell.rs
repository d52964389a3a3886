//! `bellwire shell`: a prompt for the commands of a server.

use crate::call::{call, descriptions, find, shown};
use crate::failure::Failure;
use crate::list;
use crate::output;
use crate::target::Target;
use bellwire::Printable;
use bellwire::schema::Signature;
use bellwire_std::json::RemoteCommand;
use bellwire_std::schema;
use bellwire_std::{CallError, Client};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};
use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

/// The command line of `bellwire shell`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// End at the first error, with its exit code.
    #[arg(long)]
    stop_on_error: bool,
    /// Read the descriptions from this file, which `list --json` wrote, for a server that gives none.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
}

/// Calls a command for each line.
///
/// # Errors
/// If the server is unreachable or does not describe its commands; with `--stop-on-error` the first error of a line.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let known = arguments.schema.as_deref().map(descriptions).transpose()?;
    let mut shell = Shell {
        client: arguments.target.connect()?,
        known,
        commands: HashMap::new(),
    };
    if !io::stdin().is_terminal() {
        for line in io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::usage(format!("standard input: {error}")))?;
            shell.line(&line, arguments.stop_on_error)?;
        }
        return shell.end();
    }
    let mut editor = Editor::<Names, DefaultHistory>::new().map_err(Failure::usage)?;
    let names = shell
        .list()?
        .iter()
        .map(|text| list::name(text).to_owned())
        .collect();
    editor.set_helper(Some(Names(names)));
    loop {
        match editor.readline("> ") {
            Ok(line) => {
                // A history that is full or refuses a line is no reason to end.
                let _ = editor.add_history_entry(&line);
                shell.line(&line, arguments.stop_on_error)?;
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return shell.end(),
            Err(error) => return Err(Failure::usage(error)),
        }
    }
}

struct Shell {
    client: Client,
    /// The descriptions of a file, which replace the server's.
    known: Option<Vec<Signature>>,
    /// The commands that were called before.
    commands: HashMap<String, RemoteCommand>,
}

impl Shell {
    /// Runs a line. Reports its error, or returns it if it ends the shell.
    fn line(&mut self, line: &str, stop_on_error: bool) -> Result<(), Failure> {
        match self.try_line(line.trim()) {
            Err(failure) if stop_on_error || failure.is_unprinted() => Err(failure),
            Err(failure) => {
                let failure = failure.to_string();
                // Without standard error, nobody reads it.
                let _ = writeln!(io::stderr(), "bellwire: {}", Printable::new(&failure));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn try_line(&mut self, line: &str) -> Result<(), Failure> {
        let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match name {
            "" => Ok(()),
            "help" => Ok(list::print(&self.list()?)?),
            _ => {
                let command = match self.commands.get(name) {
                    Some(command) => *command,
                    None => find(&mut self.client, self.known.as_deref(), name)?,
                };
                self.commands.insert(name.to_owned(), command);
                match call(&mut self.client, &command, value.trim_start())? {
                    Some(reply) => Ok(output::line(shown(&reply, false))?),
                    None => Ok(()),
                }
            }
        }
    }

    /// Returns the descriptions of all commands; the server's may be cut.
    fn list(&mut self) -> Result<Vec<String>, Failure> {
        if let Some(known) = &self.known {
            return Ok(known.iter().map(ToString::to_string).collect());
        }
        let listed = schema::list(&mut self.client)?;
        Ok(listed.into_iter().map(|command| command.text).collect())
    }

    /// Ends the connection. The server can still reject a request without reply.
    fn end(self) -> Result<(), Failure> {
        match self.client.finish() {
            Err(error @ CallError::Remote(_)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Completes the names of commands.
#[derive(Helper, Highlighter, Hinter, Validator)]
struct Names(Vec<String>);

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..position).unwrap_or(line);
        let names = self.0.iter().filter(|name| name.starts_with(typed));
        // A peer's name must not control the terminal.
        let safe = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
        Ok((0, safe.cloned().collect()))
    }
}
