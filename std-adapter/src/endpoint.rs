//! A registry of handlers that grows.

use bellwire::{
    Answer, Answered, Command, Format, RegisterError, Rejection, Reply, Route, Service,
};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Commands with their handlers, shared by all connections of a server.
///
/// It is [`bellwire::Endpoint`] for a machine with a heap: it grows as needed, handlers may
/// capture, and handlers can be added from any thread while servers run. Each connection has
/// an `App` of its own; what connections share stands behind an `Arc` in it.
///
/// ```
/// use bellwire::{Command, Line};
/// use bellwire_std::Endpoint;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// let endpoint = Endpoint::<()>::new();
/// let served = AtomicU64::new(0);
/// endpoint.handle(STRING, move |(), _text, reply| {
///     served.fetch_add(1, Relaxed);
///     reply.send("Thank you.")
/// })?;
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
pub struct Endpoint<App> {
    commands: RwLock<Arc<Commands<App>>>,
    /// Counts the changes of `commands`, so that a connection sees without a lock that it holds an
    /// old version.
    version: AtomicU64,
}

struct Commands<App> {
    by_name: HashMap<&'static str, usize>,
    entries: Vec<Entry<App>>,
}

struct Entry<App> {
    route: Route,
    run: Run<App>,
}

type Run<App> = Arc<dyn Fn(&mut App, &[u8], Reply<'_, ()>) -> Answered + Send + Sync>;

impl<App: 'static> Endpoint<App> {
    /// An endpoint without commands.
    pub fn new() -> Self {
        Self {
            commands: RwLock::new(Arc::new(Commands {
                by_name: HashMap::new(),
                entries: Vec::new(),
            })),
            version: AtomicU64::new(0),
        }
    }

    /// Registers `handler` for `command`. Requests that arrive from now on find it.
    ///
    /// The handler gets its connection's `App`, the decoded request, and the [`Reply`] it must
    /// use up. If it panics, its connection ends, and no other.
    ///
    /// # Errors
    /// [`RegisterError::Duplicate`] for a name that is taken.
    pub fn handle<Req, Rsp, H>(
        &self,
        command: Command<Req, Rsp>,
        handler: H,
    ) -> Result<(), RegisterError>
    where
        Req: Format,
        Rsp: Answer,
        H: for<'a> Fn(&mut App, Req::Value<'a>, Reply<'a, Rsp>) -> Answered + Send + Sync + 'static,
    {
        let mut commands = self
            .commands
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if commands.by_name.contains_key(command.name()) {
            return Err(RegisterError::Duplicate);
        }
        let mut more = Commands::clone(&commands);
        let index = more.entries.len();
        more.by_name.insert(command.name(), index);
        more.entries.push(Entry {
            route: command.route(index),
            run: Arc::new(move |app, payload, reply| {
                Command::<Req, Rsp>::answer(payload, reply, |value, reply| {
                    handler(app, value, reply)
                })
            }),
        });
        *commands = Arc::new(more);
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn commands(&self) -> Arc<Commands<App>> {
        let commands = self.commands.read();
        Arc::clone(&commands.unwrap_or_else(PoisonError::into_inner))
    }
}

/// An endpoint as one connection uses it.
pub(crate) struct Serving<App> {
    endpoint: Arc<Endpoint<App>>,
    version: u64,
    commands: Arc<Commands<App>>,
    app: App,
    peer: SocketAddr,
}

impl<App: 'static> Serving<App> {
    pub(crate) fn new(endpoint: Arc<Endpoint<App>>, app: App, peer: SocketAddr) -> Self {
        Self {
            version: endpoint.version.load(Ordering::Acquire),
            commands: endpoint.commands(),
            endpoint,
            app,
            peer,
        }
    }

    /// Takes note of commands that were added meanwhile.
    pub(crate) fn refresh(&mut self) {
        let version = self.endpoint.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            self.commands = self.endpoint.commands();
        }
    }
}

impl<App: 'static> Service for Serving<App> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        let name = std::str::from_utf8(name).ok()?;
        let index = *self.commands.by_name.get(name)?;
        Some(self.commands.entries[index].route)
    }

    fn call(&mut self, route: Route, payload: &[u8], reply: Reply<'_, ()>) -> Answered {
        (self.commands.entries[route.index].run)(&mut self.app, payload, reply)
    }

    fn rejected(&mut self, rejection: &Rejection) {
        let end = if rejection.fatal {
            "; the conversation ends"
        } else {
            ""
        };
        tracing::warn!("{}: {rejection}{end}", self.peer);
    }
}

impl<App> Clone for Commands<App> {
    fn clone(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            entries: self.entries.clone(),
        }
    }
}

impl<App> Clone for Entry<App> {
    fn clone(&self) -> Self {
        Self {
            route: self.route,
            run: Arc::clone(&self.run),
        }
    }
}

impl<App: 'static> Default for Endpoint<App> {
    fn default() -> Self {
        Self::new()
    }
}

impl<App: 'static> fmt::Debug for Endpoint<App> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.commands().by_name.keys())
            .finish()
    }
}
