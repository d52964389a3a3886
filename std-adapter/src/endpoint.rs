//! A registry of handlers that grows.

use crate::Address;
use bellwire::{
    Answer, Answered, Command, Format, RegisterError, Rejection, Reply, Route, Service,
};
use std::collections::HashMap;
use std::fmt;
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
    commands: RwLock<Commands<App>>,
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
            commands: RwLock::new(Commands {
                by_name: HashMap::new(),
                entries: Vec::new(),
            }),
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
        let index = commands.entries.len();
        commands.by_name.insert(command.name(), index);
        commands.entries.push(Entry {
            route: command.route(index),
            run: Arc::new(move |app, payload, reply| {
                Command::<Req, Rsp>::answer(payload, reply, |value, reply| {
                    handler(app, value, reply)
                })
            }),
        });
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Commands<App>) -> T) -> T {
        look(&self.commands.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An endpoint as one connection uses it.
pub(crate) struct Serving<'a, App> {
    pub(crate) endpoint: &'a Endpoint<App>,
    pub(crate) app: App,
    pub(crate) peer: Address,
}

impl<App: 'static> Service for Serving<'_, App> {
    fn find(&self, name: &[u8]) -> Option<Route> {
        let name = std::str::from_utf8(name).ok()?;
        self.endpoint.read(|commands| {
            let index = commands.by_name.get(name)?;
            commands.entries.get(*index).map(|entry| entry.route)
        })
    }

    fn call(&mut self, route: Route, payload: &[u8], reply: Reply<'_, ()>) -> Answered {
        // The handler runs outside the lock, so that it may take its time, or register others.
        let run = self
            .endpoint
            .read(|commands| Arc::clone(&commands.entries[route.index].run));
        run(&mut self.app, payload, reply)
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

impl<App: 'static> Default for Endpoint<App> {
    fn default() -> Self {
        Self::new()
    }
}

impl<App: 'static> fmt::Debug for Endpoint<App> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(|commands| f.debug_set().entries(commands.by_name.keys()).finish())
    }
}
