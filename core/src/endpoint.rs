//! The registry of a server: commands and their handlers.

use crate::command::{Command, ReplyFormat, Route};
use crate::error::{ErrorKind, RequestError};
use crate::format::Format;
use crate::schema::{Description, HelpEntry};
use crate::{Reply, ReplySent};
use core::any::Any;
use core::fmt;

/// Finds commands by name and runs them, for a [`Session`](crate::Session).
///
/// Most servers use [`Endpoint`]. Implement this trait for a registry of your own, for example one
/// that grows or whose handlers capture variables. [`Command::route`] and [`Command::answer`] do
/// most of the work.
pub trait Service {
    /// Returns the route of the command with this name, or `None` if there is no such command.
    ///
    /// The route's name must equal `name`.
    ///
    /// A session looks a name up only if it differs from the previous request's name. So the result
    /// must stay the same during a conversation. To allow some commands only to some peers, let the
    /// handlers refuse.
    fn find(&self, name: &[u8]) -> Option<Route>;

    /// Answers a complete request. `index` is the [`Route::index`] that [`find`](Self::find)
    /// returned.
    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent;

    /// Returns the command with this index for the replies of `HELP` and `SCHEMA`, or `None` after the last one.
    ///
    /// The default lists none, and then `HELP` and `SCHEMA` are unknown commands. As in [`find`](Self::find), the
    /// result must stay the same during a conversation, but more may be added at the end.
    #[doc(hidden)] // for the registry of bellwire-std
    fn listed(&self, index: usize) -> Option<HelpEntry<'_>> {
        let _ = index;
        None
    }

    /// Returns the topic with this index in the replies of `HELP` and `SCHEMA`, after the commands. Only a connection
    /// with topics calls it.
    #[doc(hidden)]
    fn listed_topic(&self, index: usize) -> Option<HelpEntry<'_>> {
        let _ = index;
        None
    }

    /// Returns whether `name` in a `SCHEMA` request names this command or topic.
    #[doc(hidden)]
    fn is_named(&self, listed: HelpEntry<'_>, name: &[u8]) -> bool {
        listed.name.as_bytes() == name
    }

    /// Is called for each request that was answered with an error line, for example to log it.
    fn rejected(&mut self, rejection: &RequestError) {
        let _ = rejection;
    }
}

/// Up to `N` commands with their handlers, which share a context of your type `App`.
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Command, Endpoint, Line, NoReply, Postcard};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
/// const ADD: Command<Postcard<i64>, NoReply> = Command::new("ADD");
///
/// struct App {
///     sum: i64,
/// }
///
/// let mut endpoint = Endpoint::<App, 8>::new();
/// endpoint.handle(STRING, &|_app, _text, reply| reply.send("Thank you."))?;
/// endpoint.handle(ADD, &|app, number, reply| {
///     app.sum += number;
///     reply.none()
/// })?;
/// # }
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
pub struct Endpoint<App, const N: usize> {
    entries: heapless::Vec<Entry<App>, N>,
    on_rejection: Option<OnRejection<App>>,
}

/// A handler of erased type, with the function that was instantiated for that type.
struct Entry<App> {
    route: Route,
    handler: &'static (dyn Any + Send + Sync),
    run: fn(&(dyn Any + Send + Sync), &mut App, &[u8], Reply<'_>) -> ReplySent,
}

type OnRejection<App> = fn(&mut App, &RequestError);

/// The reason why a command could not be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegisterError {
    /// The endpoint already holds `N` commands.
    Full,
    /// A command of this name is already registered.
    Duplicate,
}

impl<App, const N: usize> Endpoint<App, N> {
    /// Creates an endpoint without commands.
    pub const fn new() -> Self {
        Self {
            entries: heapless::Vec::new(),
            on_rejection: None,
        }
    }

    /// Registers `handler` for `command`.
    ///
    /// The handler gets the context, the decoded request and a [`Reply`], which it must use. It is
    /// a function, or a closure that captures nothing, passed by reference. Keep state that changes
    /// between requests in the context.
    ///
    /// # Errors
    /// Returns [`RegisterError::Full`] if `N` commands are registered, and
    /// [`RegisterError::Duplicate`] if the name is taken. On an error the endpoint is unchanged.
    pub fn handle<Req, Rsp, H>(
        &mut self,
        command: Command<Req, Rsp>,
        handler: &'static H,
    ) -> Result<(), RegisterError>
    where
        Req: Format,
        Rsp: ReplyFormat,
        H: for<'a> Fn(&mut App, Req::Value<'a>, Reply<'a, Rsp>) -> ReplySent + Send + Sync,
    {
        if self.find(command.name().as_bytes()).is_some() {
            return Err(RegisterError::Duplicate);
        }
        let entry = Entry {
            route: command.route(self.entries.len()),
            handler,
            run: run::<App, Req, Rsp, H>,
        };
        self.entries.push(entry).map_err(|_| RegisterError::Full)
    }

    /// Calls `listener` for each request that was answered with an error line, for example to log
    /// it.
    ///
    /// It replaces an earlier listener.
    ///
    /// A [`RequestError`] displays as one line without control characters, whatever the peer sent.
    /// [`RequestError::write_to`] gives the same text without `core::fmt`. A peer causes an error with a few bytes, and
    /// the listener runs between two requests. So do not wait in it: count, and keep the last line for
    /// a slow log.
    ///
    /// ```
    /// use bellwire::{Code, Endpoint};
    ///
    /// #[derive(Default)]
    /// struct App {
    ///     rejected: u32,
    ///     last: heapless::String<96>,
    /// }
    ///
    /// let mut endpoint = Endpoint::<App, 4>::new();
    /// endpoint.on_rejection(|app, error| {
    ///     app.rejected += 1;
    ///     // A handler's own refusal is not an error.
    ///     if error.kind.code() != Code::Refused {
    ///         app.last.clear();
    ///         error.write_to(&mut |part| _ = app.last.push_str(part));
    ///     }
    /// });
    /// ```
    pub fn on_rejection(&mut self, listener: fn(&mut App, &RequestError)) {
        self.on_rejection = Some(listener);
    }

    /// Returns the endpoint as a [`Service`] that passes `app` to its handlers.
    pub fn with<'a>(&'a self, app: &'a mut App) -> impl Service {
        Bound {
            endpoint: self,
            app,
        }
    }

    /// Does the same as [`with`](Self::with), and lets the session answer `HELP` and `SCHEMA`.
    ///
    /// `HELP` lists all commands of the endpoint in the order of their registration. A command is described if
    /// `commands` has a description with its name. A connection with [topics](crate::topics) lists those in `commands`
    /// too. An endpoint without commands answers neither.
    ///
    /// ```
    /// use bellwire::schema::Description;
    /// use bellwire::{Command, Endpoint, Line, ServerConnection};
    ///
    /// const STRING: Command<Line, Line> = Command::new("STRING");
    /// const COMMANDS: &[Description] = &[STRING.describe()];
    ///
    /// let mut endpoint = Endpoint::<(), 1>::new();
    /// endpoint.handle(STRING, &|(), _text, reply| reply.send("Thank you."))?;
    ///
    /// let (mut rx, mut tx) = ([0; 256], [0; 512]);
    /// let mut connection = ServerConnection::new(&mut rx, &mut tx);
    /// connection.space()[..5].copy_from_slice(b"HELP\n");
    /// connection.received(5);
    /// connection.advance(&mut endpoint.with_help(&mut (), COMMANDS));
    /// assert_eq!(connection.pending(), b"OK\nSTRING line -> line #333edc25\n\n");
    /// # Ok::<(), bellwire::RegisterError>(())
    /// ```
    pub fn with_help<'a>(&'a self, app: &'a mut App, commands: &'a [Description]) -> impl Service {
        Helping {
            bound: Bound {
                endpoint: self,
                app,
            },
            commands,
        }
    }

    fn find(&self, name: &[u8]) -> Option<&Route> {
        let mut routes = self.entries.iter().map(|entry| &entry.route);
        routes.find(|route| route.name.as_bytes() == name)
    }
}

fn run<App, Req, Rsp, H>(
    handler: &(dyn Any + Send + Sync),
    app: &mut App,
    payload: &[u8],
    reply: Reply<'_>,
) -> ReplySent
where
    Req: Format,
    Rsp: ReplyFormat,
    H: for<'a> Fn(&mut App, Req::Value<'a>, Reply<'a, Rsp>) -> ReplySent + 'static,
{
    match handler.downcast_ref::<H>() {
        Some(handler) => {
            Command::<Req, Rsp>::answer(payload, reply, |value, reply| handler(app, value, reply))
        }
        // Unreachable: `handle` stores a handler together with the function for its type.
        None => reply.fail(ErrorKind::Unanswered),
    }
}

struct Bound<'a, App, const N: usize> {
    endpoint: &'a Endpoint<App, N>,
    app: &'a mut App,
}

impl<App, const N: usize> Service for Bound<'_, App, N> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        self.endpoint.find(name).copied()
    }

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        match self.endpoint.entries.get(index) {
            Some(entry) => (entry.run)(entry.handler, self.app, payload, reply),
            None => reply.fail(ErrorKind::Unanswered),
        }
    }

    fn rejected(&mut self, rejection: &RequestError) {
        if let Some(listener) = self.endpoint.on_rejection {
            listener(self.app, rejection);
        }
    }
}

/// An endpoint that lists its commands.
struct Helping<'a, App, const N: usize> {
    bound: Bound<'a, App, N>,
    commands: &'a [Description],
}

impl<App, const N: usize> Service for Helping<'_, App, N> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        self.bound.find(name)
    }

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        self.bound.call(index, payload, reply)
    }

    fn listed(&self, index: usize) -> Option<HelpEntry<'_>> {
        let name = self.bound.endpoint.entries.get(index)?.route.name;
        Some(HelpEntry::among(self.commands, index, name))
    }

    fn listed_topic(&self, index: usize) -> Option<HelpEntry<'_>> {
        let commands = self.bound.endpoint.entries.len();
        HelpEntry::topic(self.commands, index.checked_sub(commands)?)
    }

    fn rejected(&mut self, rejection: &RequestError) {
        self.bound.rejected(rejection);
    }
}

impl<App, const N: usize> Default for Endpoint<App, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<App, const N: usize> fmt::Debug for Endpoint<App, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.entries.iter().map(|entry| entry.route.name);
        f.debug_set().entries(names).finish()
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegisterError::Full => "endpoint is full",
            RegisterError::Duplicate => "duplicate command name",
        })
    }
}

impl core::error::Error for RegisterError {}
