//! `bellwire call`: one command of a server, with JSON.

use crate::failure::Failure;
use crate::output;
use crate::target::Target;
use bellwire::{Code, Printable};
use bellwire_std::json::{self, JsonCallError, RemoteCommand, RemoteTopic};
use bellwire_std::schema::{self, FetchError, Signature};
use bellwire_std::{CallError, Client};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest value that is read from a file or from standard input, in bytes.
const MOST: u64 = 64 << 20;

/// The command line of `bellwire call`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The command's name.
    name: String,
    /// The request: JSON, or the text itself for a command that takes a line. `@FILE` reads a file, `-` standard
    /// input.
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
    /// Print a reply that is a text without quotation marks. Control characters are escaped.
    #[arg(long)]
    raw: bool,
    /// Read the descriptions from this file, which `list --json` wrote, for a server that gives none.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
}

/// Calls the command, and prints its reply as one line of JSON.
///
/// # Errors
/// If the value does not fit the command, or if the server is unreachable or refuses.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let value = read(arguments.value.as_deref())?;
    let known = arguments.schema.as_deref().map(descriptions).transpose()?;
    let mut client = arguments.target.connect()?;
    let command = find(&mut client, known.as_deref(), &arguments.name)?;
    if let Some(reply) = call(&mut client, &command, &value)? {
        output::line(shown(&reply, arguments.raw))?;
    }
    // The server can still answer a request without reply with an error line.
    Ok(client.finish()?)
}

/// Returns the command with this name: from a file's descriptions, or from the server's.
pub(crate) fn find(
    client: &mut Client,
    known: Option<&[Signature]>,
    name: &str,
) -> Result<RemoteCommand, Failure> {
    if let Some(topic) = name.strip_prefix('>') {
        return Err(watched(topic));
    }
    let Some(known) = known else {
        return RemoteCommand::fetch(client, name).map_err(|error| {
            let is_refused = matches!(&error, FetchError::Call(CallError::Remote(line)) if line.code == Code::Refused);
            if is_refused && RemoteTopic::fetch(client, name).is_ok() {
                watched(name)
            } else {
                error.into()
            }
        });
    };
    let find = |name: &str| known.iter().find(|signature| signature.name == name);
    match find(name) {
        Some(signature) => Ok(RemoteCommand::new(*signature)),
        None if find(&format!(">{name}")).is_some() => Err(watched(name)),
        None => Err(Failure::usage(format!(
            "the file describes no command {name:?}"
        ))),
    }
}

/// Returns the failure of a call of a topic.
fn watched(topic: &str) -> Failure {
    Failure::usage(format!("{topic} is a topic: bellwire watch SERVER {topic}"))
}

/// Calls a command. Returns the reply as JSON, or `None` if the command has no reply.
pub(crate) fn call(
    client: &mut Client,
    command: &RemoteCommand,
    value: &str,
) -> Result<Option<String>, Failure> {
    let signature = command.signature();
    let request = encode(signature, value)?;
    let reply = command.exchange(client, &request)?;
    Ok(match (reply, &signature.reply) {
        (Some(reply), Some(encoding)) => {
            Some(json::decode(encoding, &reply).map_err(JsonCallError::Reply)?)
        }
        _ => None,
    })
}

/// Encodes a request. A person types a line's text itself, and a shell's input ends with a line feed.
pub(crate) fn encode(command: &Signature, value: &str) -> Result<Vec<u8>, Failure> {
    let Signature { name, request, .. } = command;
    let encoded = match request.format {
        "line" => json::encode_line(value.trim_end_matches(['\r', '\n'])),
        _ => json::encode(request, value),
    };
    match (encoded, request.ty) {
        (Err(_), Some(ty)) if value.trim_ascii().is_empty() => {
            let ty = ty.to_string();
            let ty = Printable::new(&ty).at_most(160);
            Err(Failure::usage(format!("{name} takes a value: {ty}")))
        }
        (encoded, _) => Ok(encoded?),
    }
}

/// Returns a reply as it is printed.
pub(crate) fn shown(reply: &str, raw: bool) -> String {
    match serde_json::from_str::<String>(reply) {
        Ok(text) if raw => Printable::new(&text).to_string(),
        _ => escaped(reply),
    }
}

/// Escapes characters that JSON allows but that would confuse a terminal. They are only in strings.
pub(crate) fn escaped(json: &str) -> String {
    let mut printable = String::with_capacity(json.len());
    for character in json.chars() {
        let mut bytes = [0; 4];
        let text = &*character.encode_utf8(&mut bytes);
        if (' '..='~').contains(&character) || Printable::new(text).to_string() == text {
            printable.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(printable, "\\u{unit:04x}");
        }
    }
    printable
}

/// Reads the descriptions in a file.
pub(crate) fn descriptions(file: &Path) -> Result<Vec<Signature>, Failure> {
    let text =
        fs::read_to_string(file).map_err(|error| unreadable(&file.to_string_lossy(), &error))?;
    let texts: Vec<String> = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let signatures = texts.iter().map(|text| schema::parse(text));
    Ok(signatures.collect::<Result<_, _>>()?)
}

/// Returns the value of a command line: itself, or the contents of a file or of standard input.
pub(crate) fn read(value: Option<&str>) -> Result<String, Failure> {
    let mut text = String::new();
    match value {
        None => return Ok(text),
        Some("-") => io::stdin()
            .take(MOST)
            .read_to_string(&mut text)
            .map_err(|error| unreadable("standard input", &error))?,
        Some(value) => match value.strip_prefix('@') {
            None => return Ok(value.to_owned()),
            Some(file) => fs::File::open(file)
                .and_then(|file| file.take(MOST).read_to_string(&mut text))
                .map_err(|error| unreadable(file, &error))?,
        },
    };
    Ok(text)
}

fn unreadable(source: &str, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read {source}: {error}"))
}
