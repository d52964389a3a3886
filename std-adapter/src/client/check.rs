//! Comparison of a client's commands with its server's.

use super::Client;
use crate::schema::{Check, CheckError, fetch, list};
use bellwire::schema::Description;
use std::time::Instant;

impl Client {
    /// Checks that the server has these commands, with the same formats and types.
    ///
    /// It asks for the list of commands, compares fingerprints, and fetches the description of each command that
    /// differs. [`ClientBuilder::check`](crate::ClientBuilder::check) does it on each new connection.
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
        self.check_until(commands, None)
    }

    /// Checks the commands. With a deadline, it replaces the time limit of a call.
    pub(super) fn check_until(
        &mut self,
        commands: &[Description],
        deadline: Option<Instant>,
    ) -> Result<(), CheckError> {
        let limit = |client: &mut Self| {
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                client.set_timeout(Some(left));
            }
        };
        limit(self);
        let mut check = Check::new(list(self)?);
        for ours in commands {
            if let Some(name) = check.differs(ours) {
                limit(self);
                check.compare(ours, fetch(self, &name))?;
            }
        }
        check.finish()
    }
}
