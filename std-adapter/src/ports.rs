//! Resolving port names such as `http`.

use std::fs;
use std::io::{self, ErrorKind};

/// The list of port names on a Unix.
const SERVICES: &str = "/etc/services";

/// Names known without the system's list, for example in a small container. Go has the same.
const WELL_KNOWN: [(&str, u16); 15] = [
    ("domain", 53),
    ("ftp", 21),
    ("ftps", 990),
    ("gopher", 70),
    ("http", 80),
    ("https", 443),
    ("imap2", 143),
    ("imap3", 220),
    ("imaps", 993),
    ("pop3", 110),
    ("pop3s", 995),
    ("smtp", 25),
    ("ssh", 22),
    ("submissions", 465),
    ("telnet", 23),
];

/// Parses a TCP port: a number, or a name in any case.
pub(crate) fn port(text: &str) -> io::Result<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        let what = format!("{text} is not a port; ports are 0 to 65535");
        return text
            .parse()
            .map_err(|_| io::Error::new(ErrorKind::InvalidInput, what));
    }
    // Without a readable list, only the well-known names remain.
    let services = fs::read(SERVICES).unwrap_or_default();
    named(text, &String::from_utf8_lossy(&services)).ok_or_else(|| {
        let what = format!("unknown TCP port {text:?}");
        io::Error::new(ErrorKind::InvalidInput, what)
    })
}

fn named(name: &str, services: &str) -> Option<u16> {
    let listed = services.lines().find_map(|line| port_in(line, name));
    listed.or_else(|| {
        let mut known = WELL_KNOWN.iter();
        let (_, port) = known.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(*port)
    })
}

/// Returns the port of a line `NAME PORT/tcp ALIAS... # comment` if it lists `name`.
fn port_in(line: &str, name: &str) -> Option<u16> {
    let (line, _comment) = line.split_once('#').unwrap_or((line, ""));
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    let port = words.next()?.strip_suffix("/tcp")?;
    let mut names = std::iter::once(first).chain(words);
    if names.any(|word| word.eq_ignore_ascii_case(name)) {
        port.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    const SERVICES: &str = "\
        # a comment: commented 1/tcp\n\
        bell 4000/udp\n\
        bell 4001/tcp ring # dingdong\n\
        broken\n\
        http 8080/tcp\n";

    #[test]
    fn a_name_or_an_alias_gives_the_tcp_port() {
        assert_eq!(named("bell", SERVICES), Some(4001));
        assert_eq!(named("RING", SERVICES), Some(4001));
    }

    #[test]
    fn words_in_comments_are_not_names() {
        assert_eq!(named("dingdong", SERVICES), None);
        assert_eq!(named("commented", SERVICES), None);
    }

    #[test]
    fn the_systems_list_overrides_the_well_known_names() {
        assert_eq!(named("http", SERVICES), Some(8080));
        assert_eq!(named("http", ""), Some(80));
    }
}
