//! Comparison of a client's commands with its server's.

use super::Client;
use crate::schema::{Check, CheckError, FetchError, described, listing};
use bellwire::schema::{Description, HELP, SCHEMA};

impl Client {
    /// Checks that the server has these commands, with the same formats and types.
    ///
    /// It asks for the list of commands, compares fingerprints, and fetches the description of each command that
    /// differs. Call it once after connecting.
    ///
    /// # Errors
    /// See [`CheckError`]. A server without descriptions is [`FetchError::NotDescribed`], and ends the conversation.
    pub async fn check(&self, commands: &[Description]) -> Result<(), CheckError> {
        let listed = self.call_with(HELP, (), listing::parse).await;
        let mut check = Check::new(listed.map_err(FetchError::from)?);
        for ours in commands {
            if let Some(name) = check.differs(ours) {
                let lines = self.call(SCHEMA, &name).await;
                let theirs = lines
                    .map_err(FetchError::from)
                    .and_then(|lines| described(&name, &lines));
                check.compare(ours, theirs)?;
            }
        }
        check.finish()
    }
}
