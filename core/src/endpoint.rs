//! The registry of a server: which handler answers which command.

use crate::command::{Answer, Command, Route};
use crate::error::{Fault, Rejection};
use crate::format::Format;
use crate::{Answered, Reply};
use core::any::Any;
use core::fmt;

/// What a session serves: it finds commands by name, and runs them.
///
/// [`Endpoint`] is the one that most servers want. A registry of your own (one that grows, one
/// whose handlers capture) implements this trait with [`Command::route`] and
/// [`Command::answer`].
pub trait Service {
    /// The command of this name, which is the route's. What was found must stay so until the
    /// conversation is over, as a session looks a name up only when it differs from the last one: a
    /// service that allows more to some peers than to others has their handlers refuse.
    fn find(&self, name: &[u8]) -> Option<Route>;

    /// Answers a whole request for the command that [`find`](Self::find) found at `index`, which is
    /// its [`Route::index`].
    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> Answered;

    /// Hears of each request that was answered with an error line. This is the place to log.
    fn rejected(&mut self, rejection: &Rejection) {
        let _ = rejection;
    }
}

/// Up to `N` commands with their handlers, which share a context `App` of yours.
///
/// ```
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
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
pub struct Endpoint<App, const N: usize> {
    entries: heapless::Vec<Entry<App>, N>,
    on_rejection: Option<OnRejection<App>>,
}

/// A handler whose type is known only to the function beside it, which was made for that type.
struct Entry<App> {
    route: Route,
    handler: &'static (dyn Any + Send + Sync),
    run: fn(&(dyn Any + Send + Sync), &mut App, &[u8], Reply<'_>) -> Answered,
}

type OnRejection<App> = fn(&mut App, &Rejection);

/// Why a command could not be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegisterError {
    /// The endpoint holds as many commands as it can.
    Full,
    /// A command of this name is registered already.
    Duplicate,
}

impl<App, const N: usize> Endpoint<App, N> {
    /// An endpoint without commands.
    pub const fn new() -> Self {
        Self {
            entries: heapless::Vec::new(),
            on_rejection: None,
        }
    }

    /// Registers `handler` for `command`.
    ///
    /// The handler gets the context, the decoded request, and the [`Reply`] it must use up. It is a
    /// function or a closure that captures nothing, passed by reference: what changes from
    /// request to request belongs into the context.
    ///
    /// # Errors
    /// [`RegisterError::Full`] beyond `N` commands, [`RegisterError::Duplicate`] for a name that is
    /// taken. The endpoint is then as it was.
    pub fn handle<Req, Rsp, H>(
        &mut self,
        command: Command<Req, Rsp>,
        handler: &'static H,
    ) -> Result<(), RegisterError>
    where
        Req: Format,
        Rsp: Answer,
        H: for<'a> Fn(&mut App, Req::Value<'a>, Reply<'a, Rsp>) -> Answered + Send + Sync,
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

    /// Has `listener` called with each request that was answered with an error line, for instance
    /// to log it. It replaces an earlier one.
    pub fn on_rejection(&mut self, listener: fn(&mut App, &Rejection)) {
        self.on_rejection = Some(listener);
    }

    /// The endpoint as a [`Service`] that gives `app` to its handlers.
    pub fn with<'a>(&'a self, app: &'a mut App) -> impl Service {
        Bound {
            endpoint: self,
            app,
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
) -> Answered
where
    Req: Format,
    Rsp: Answer,
    H: for<'a> Fn(&mut App, Req::Value<'a>, Reply<'a, Rsp>) -> Answered + 'static,
{
    match handler.downcast_ref::<H>() {
        Some(handler) => {
            Command::<Req, Rsp>::answer(payload, reply, |value, reply| handler(app, value, reply))
        }
        // Not reached: `handle` puts a handler and the function for its type into one entry.
        None => reply.fail(Fault::Unanswered),
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

    fn call(&mut self, index: usize, payload: &[u8], reply: Reply<'_>) -> Answered {
        match self.endpoint.entries.get(index) {
            Some(entry) => (entry.run)(entry.handler, self.app, payload, reply),
            None => reply.fail(Fault::Unanswered),
        }
    }

    fn rejected(&mut self, rejection: &Rejection) {
        if let Some(listener) = self.endpoint.on_rejection {
            listener(self.app, rejection);
        }
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
            RegisterError::Full => "the endpoint holds as many commands as it can",
            RegisterError::Duplicate => "a command of this name is registered already",
        })
    }
}

impl core::error::Error for RegisterError {}
