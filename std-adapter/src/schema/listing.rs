//! The reply of `HELP`.

/// A server's command or topic, as `HELP` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The command's name. A topic's name begins with `>`.
    pub name: String,
    /// The description, cut if it is long. It comes from the server: print it with
    /// [`Printable`](bellwire::Printable).
    pub text: String,
    /// The fingerprint of the whole description, or `None` if the server does not describe it.
    pub fingerprint: Option<u32>,
}

/// Parses the lines of a `HELP` answer.
pub(crate) fn parse(lines: &str) -> Vec<Listed> {
    lines.lines().map(line).collect()
}

fn line(line: &str) -> Listed {
    let marked = line.rsplit_once(" #").and_then(|(text, digits)| {
        let is_hexadecimal =
            digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok()?;
        is_hexadecimal.then_some((text, number))
    });
    let (text, fingerprint) = match marked {
        Some((text, fingerprint)) => (text, Some(fingerprint)),
        None => (line, None),
    };
    Listed {
        name: text.split(' ').next().unwrap_or("").to_owned(),
        text: text.to_owned(),
        fingerprint,
    }
}
