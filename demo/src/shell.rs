//! `bellwire shell`: a prompt for the commands of a server.

use crate::call::{call, descriptions, find, shown};
use crate::failure::Failure;
use crate::list;
use crate::output;
use crate::target::Target;
use bellwire::Printable;
use bellwire_std::json::RemoteCommand;
use bellwire_std::schema::{self, Signature};
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

/// Lists the commands.
const HELP: &str = "help";

/// Calls a command of any name, even `help` or `call`.
const CALL: &str = "call";

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
        let (first, rest) = word(line);
        match (first, word(rest)) {
            ("", _) => Ok(()),
            (HELP, _) => Ok(list::print(&self.list()?)?),
            (CALL, ("", _)) => Err(Failure::usage("`call` needs the name of a command")),
            (CALL, (name, value)) => self.call(name, value),
            (name, _) => self.call(name, rest),
        }
    }

    /// Calls a command of the server, and prints its reply.
    fn call(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let command = match self.commands.get(name) {
            Some(command) => *command,
            None => find(&mut self.client, self.known.as_deref(), name)?,
        };
        self.commands.insert(name.to_owned(), command);
        match call(&mut self.client, &command, value)? {
            Some(reply) => Ok(output::line(shown(&reply, false))?),
            None => Ok(()),
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

/// Splits the first word from the rest of a line.
fn word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim_start())
}

/// Completes the names of commands.
#[derive(Helper, Highlighter, Hinter, Validator)]
struct Names(Vec<String>);

impl Names {
    /// Returns the start of the word to complete, and its completions.
    fn candidates(&self, typed: &str) -> (usize, Vec<String>) {
        let (first, rest) = word(typed);
        let (start, own) = match first {
            CALL if typed.len() > CALL.len() => (typed.len() - rest.len(), &[][..]),
            _ => (0, &[CALL, HELP][..]),
        };
        let all = own.iter().copied().chain(self.0.iter().map(String::as_str));
        let names = all.filter(|name| name.starts_with(&typed[start..]));
        // A peer's name must not control the terminal.
        let safe = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
        (start, safe.map(str::to_owned).collect())
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line.get(..position).unwrap_or(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_completed_alone_and_after_call() {
        let names = Names(
            ["HELLO", "HISTORY", "help", "H\u{1b}"]
                .map(str::to_owned)
                .to_vec(),
        );
        for (typed, start, completed) in [
            ("H", 0, &["HELLO", "HISTORY"][..]),
            ("he", 0, &["help", "help"]),
            ("c", 0, &["call"]),
            ("call", 0, &["call"]),
            ("call ", 5, &["HELLO", "HISTORY", "help"]),
            ("call  HI", 6, &["HISTORY"]),
            ("HELLO H", 0, &[]),
        ] {
            assert_eq!(
                names.candidates(typed),
                (start, to_owned(completed)),
                "{typed}"
            );
        }
    }

    fn to_owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }
}
