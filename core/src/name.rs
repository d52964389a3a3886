//! The rules for names of commands and topics.

/// The most bytes of a topic's name.
pub(crate) const LONGEST_TOPIC: usize = 62;

/// Checks that a command may have this name, by the rules of [`Command::new`](crate::Command::new).
///
/// It is for names that are known only at run time, where `Command::new` would panic.
///
/// ```
/// use bellwire::schema::check_name;
///
/// assert_eq!(check_name("READ"), Ok(()));
/// assert_eq!(check_name("HELP"), Err("this command's name is reserved"));
/// ```
///
/// # Errors
/// Returns the rule that the name breaks.
pub const fn check_name(name: &str) -> Result<(), &'static str> {
    let mut rest = name.as_bytes();
    if matches!(rest, [] | [b'!' | b'>', ..]) {
        return Err("a command's name must not be empty or begin with ! or >");
    }
    if matches!(rest, b"HELP" | b"SCHEMA" | b"SUBSCRIBE" | b"UNSUBSCRIBE") {
        return Err("this command's name is reserved");
    }
    while let [byte, tail @ ..] = rest {
        if !byte.is_ascii_graphic() || *byte == b':' {
            return Err("a command's name must be printable ASCII without space or colon");
        }
        rest = tail;
    }
    Ok(())
}

/// Checks a topic's name, for one that is known only at run time.
///
/// # Errors
/// Returns the rule that the name breaks; see [`Topic::new`](crate::Topic::new).
pub const fn check_topic_name(name: &str) -> Result<(), &'static str> {
    if name.len() > LONGEST_TOPIC {
        return Err("a topic's name must not exceed 62 bytes");
    }
    check_name(name)
}
