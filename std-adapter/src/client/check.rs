//! Comparison of a client's commands with its server's.

use super::Client;
use crate::schema::{Check, CheckError, fetch, list};
use bellwire::schema::Description;

impl Client {
    /// Checks that the server has these commands, with the same formats and types.
    ///
    /// It asks for the list of commands, compares fingerprints, and fetches the description of each command that
    /// differs. Call it once after connecting.
    ///
    /// ```no_run
    /// use bellwire::{Command, Line};
    /// use bellwire_std::Client;
    /// use std::time::Duration;
    ///
    /// const STRING: Command<Line, Line> = Command::new("STRING");
    ///
    /// let mut client = Client::connect("localhost:61000", Duration::from_secs(5))?;
    /// if let Err(error) = client.check(&[STRING.describe()]) {
    ///     eprintln!("{error}"); // command STRING: missing on the server
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`CheckError`]. A server without descriptions is
    /// [`FetchError::NotDescribed`](crate::schema::FetchError::NotDescribed).
    pub fn check(&mut self, commands: &[Description]) -> Result<(), CheckError> {
        let mut check = Check::new(list(self)?);
        for ours in commands {
            if let Some(name) = check.differs(ours) {
                check.compare(ours, fetch(self, &name))?;
            }
        }
        check.finish()
    }
}
