//! A registry of handlers that grows.

use crate::metrics::{self, Counter};
use crate::topics::Topics;
use bellwire::schema::{Description, HelpEntry};
use bellwire::{
    Command, ErrorKind, Format, RegisterError, Reply, ReplyFormat, ReplySent, RequestError, Route,
};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

/// Commands with their handlers, shared by all connections of a server.
///
/// This is [`bellwire::Endpoint`] for a machine with a heap. It grows as needed, handlers may capture, and any
/// thread may add handlers while servers run. Each connection has an `App` of its own as its context. To share
/// state between connections, put an `Arc` into it.
///
/// ```
/// use bellwire::{Command, Line};
/// use bellwire_std::Endpoint;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// const STRING: Command<Line, Line> = Command::new("STRING");
///
/// let endpoint = Endpoint::new();
/// let served = AtomicU64::new(0);
/// endpoint.handle(STRING, move |(), _text, reply| {
///     served.fetch_add(1, Relaxed);
///     reply.send("Thank you.")
/// })?;
/// # Ok::<(), bellwire::RegisterError>(())
/// ```
pub struct Endpoint<App = ()> {
    commands: RwLock<Arc<Commands<App>>>,
    /// The version of `commands`. A connection reads it without a lock, to learn that its snapshot is old.
    version: AtomicU64,
    pub(crate) topics: Topics,
}

/// The commands of an endpoint at one time.
pub(crate) struct Commands<App> {
    version: u64,
    /// The routes by the length of their names. Few names have the same length, so a search compares one or two.
    by_length: Vec<Vec<Route>>,
    entries: Vec<Entry<App>>,
    /// The descriptions for `HELP`, or `None` if this endpoint does not answer it.
    descriptions: Option<Arc<[Description]>>,
    on_rejection: Option<Arc<OnRejection<App>>>,
}

type OnRejection<App> = dyn Fn(&mut App, &RequestError) + Send + Sync;

struct Entry<App> {
    name: &'static str,
    run: Run<App>,
    requests: Counter,
}

/// How a handler runs.
pub(crate) enum Run<App> {
    /// Answers at once.
    Now(Arc<Now<App>>),
    /// Answers when a future is ready.
    Async(Arc<Start<App>>),
}

type Now<App> = dyn Fn(&mut App, &[u8], Reply<'_>) -> ReplySent + Send + Sync;
/// With a context, it polls the future once.
type Start<App> = dyn for<'r> Fn(&mut App, &[u8], Reply<'r>, Option<&mut Context<'_>>) -> Outcome<'r>
    + Send
    + Sync;

/// Tells the compiler that `start` is good for replies of every lifetime.
fn start<App, S>(start: S) -> Arc<Start<App>>
where
    S: for<'r> Fn(&mut App, &[u8], Reply<'r>, Option<&mut Context<'_>>) -> Outcome<'r>,
    S: Send + Sync + 'static,
{
    Arc::new(start)
}

/// The outcome of a request.
pub(crate) enum Outcome<'r> {
    Answered(ReplySent),
    /// The reply comes later. The space for it is given back.
    Pending(ReplyFuture, Reply<'r>),
}

/// The future of a reply. Its output writes the reply.
pub(crate) type ReplyFuture = Pin<Box<dyn Future<Output = Finish> + Send>>;
pub(crate) type Finish = Box<dyn FnOnce(Reply<'_>) -> ReplySent + Send>;

impl Endpoint<()> {
    /// Creates an endpoint for handlers without a context. For a context of type `App`, use
    /// `Endpoint::<App>::default()`.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<App: 'static> Endpoint<App> {
    /// Registers `handler` for `command`. Requests that arrive from now on find it.
    ///
    /// The handler gets its connection's `App`, the decoded request, and the [`Reply`] that it must use. If it
    /// panics, only its own request fails and only its own connection ends. It should not block for long: in a
    /// server of tasks it delays all connections of its thread. See [`handle_async`](Self::handle_async).
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
        Rsp: ReplyFormat,
        H: for<'a> Fn(&mut App, Req::Value<'a>, Reply<'a, Rsp>) -> ReplySent
            + Send
            + Sync
            + 'static,
    {
        let run = move |app: &mut App, payload: &[u8], reply: Reply<'_>| {
            Command::<Req, Rsp>::answer(payload, reply, |value, reply| handler(app, value, reply))
        };
        self.register(command, Run::Now(Arc::new(run)))
    }

    /// Registers a `handler` that awaits something, such as a database, before it answers. Other connections
    /// are served meanwhile. A connection's own requests keep their order. A server with a thread for each
    /// connection blocks that thread, and has no tokio runtime for the future.
    ///
    /// The handler copies the values that it needs out of the decoded request, and returns a future. The
    /// future's output is a function that writes the reply.
    ///
    /// A future that is ready at once costs little more than a handler of [`handle`](Self::handle): it is polled
    /// in its connection's turn, and its reply leaves together with those of other requests.
    ///
    /// [`answer_timeout`](crate::ServerLimits::answer_timeout) limits the time of the future. The server also drops
    /// it within a second if the client resets the connection. So a future may end at any `await`. If the server may
    /// keep no more bytes ([`bytes_in_flight`](crate::ServerLimits::bytes_in_flight)), it refuses the request and
    /// drops the future before its first poll. So put all effects into the future.
    ///
    /// ```
    /// use bellwire::{Command, Line, Reply};
    ///
    /// const NAME_OF: Command<Line, Line> = Command::new("NAME-OF");
    /// # async fn look_up(id: String) -> Option<String> { Some(id) }
    ///
    /// let endpoint = bellwire_std::Endpoint::new();
    /// endpoint.handle_async(NAME_OF, |(), id| {
    ///     let id = id.to_owned();
    ///     async {
    ///         let name = look_up(id).await;
    ///         move |reply: Reply<'_, Line>| match name {
    ///             Some(name) => reply.send(&name),
    ///             None => reply.refuse("nobody has this number"),
    ///         }
    ///     }
    /// })?;
    /// # Ok::<(), bellwire::RegisterError>(())
    /// ```
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    pub fn handle_async<Req, Rsp, H, F, R>(
        &self,
        command: Command<Req, Rsp>,
        handler: H,
    ) -> Result<(), RegisterError>
    where
        Req: Format,
        Rsp: ReplyFormat,
        H: for<'a> Fn(&mut App, Req::Value<'a>) -> F + Send + Sync + 'static,
        F: Future<Output = R> + Send + 'static,
        R: for<'a> FnOnce(Reply<'a, Rsp>) -> ReplySent + Send + 'static,
    {
        let start = start(move |app, payload, reply, context| {
            let value = match Req::decode(payload) {
                Ok(value) => value,
                Err(malformed) => {
                    return Outcome::Answered(reply.fail(ErrorKind::Decode(malformed)));
                }
            };
            let mut future = Box::pin(handler(app, value));
            if let Some(context) = context
                && let Poll::Ready(finish) = future.as_mut().poll(context)
            {
                return Outcome::Answered(finish(reply.typed()));
            }
            let future = Box::pin(async move {
                let finish = future.await;
                Box::new(move |reply: Reply<'_>| finish(reply.typed())) as Finish
            });
            Outcome::Pending(future, reply)
        });
        self.register(command, Run::Async(start))
    }

    /// Calls `listener` with each request that is answered with an error line. It replaces an earlier listener.
    ///
    /// No listener is needed for a log or for a count. Both servers pass each such request to `tracing`, at level
    /// `warn` with the peer's address, at most one line a second after the first 20. A subscriber of your program shows
    /// the lines. They also count in the metric `bellwire_errors_total`, by code.
    ///
    /// A listener can add the connection's context to the line, or act. It runs on the connection's own thread or task,
    /// so it must not block.
    ///
    /// ```
    /// use bellwire::Code;
    ///
    /// #[derive(Default)]
    /// struct App {
    ///     user: String,
    /// }
    ///
    /// let endpoint = bellwire_std::Endpoint::<App>::default();
    /// endpoint.on_rejection(|app, error| {
    ///     // The server's own faults, and not a client's mistakes.
    ///     if error.kind.code() == Code::Failed {
    ///         eprintln!("{}: {error}", app.user);
    ///     }
    /// });
    /// ```
    pub fn on_rejection(&self, listener: impl Fn(&mut App, &RequestError) + Send + Sync + 'static) {
        let commands = self.commands.write();
        let mut commands = commands.unwrap_or_else(PoisonError::into_inner);
        let mut more = Commands::clone(&commands);
        more.on_rejection = Some(Arc::new(listener));
        self.publish(more, &mut commands);
    }

    /// Lets this endpoint answer `HELP` and `SCHEMA`. It replaces earlier descriptions.
    ///
    /// `HELP` lists all commands of the endpoint in the order of their registration, including later ones, then the
    /// topics in `commands`. A command is described if `commands` has a description with its name. An endpoint without
    /// commands answers neither.
    ///
    /// ```
    /// use bellwire::schema::Description;
    /// use bellwire::{Command, Line};
    ///
    /// const STRING: Command<Line, Line> = Command::new("STRING");
    /// const COMMANDS: &[Description] = &[STRING.describe()];
    ///
    /// let endpoint = bellwire_std::Endpoint::new();
    /// endpoint.handle(STRING, |(), _text, reply| reply.send("Thank you."))?;
    /// endpoint.describe(COMMANDS);
    /// # Ok::<(), bellwire::RegisterError>(())
    /// ```
    pub fn describe(&self, commands: &[Description]) {
        let present = self.commands.write();
        let mut present = present.unwrap_or_else(PoisonError::into_inner);
        let mut more = Commands::clone(&present);
        more.descriptions = Some(commands.into());
        self.publish(more, &mut present);
    }

    fn register<Req: Format, Rsp: ReplyFormat>(
        &self,
        command: Command<Req, Rsp>,
        run: Run<App>,
    ) -> Result<(), RegisterError> {
        let commands = self.commands.write();
        let mut commands = commands.unwrap_or_else(PoisonError::into_inner);
        let name = command.name();
        if commands.find(name.as_bytes()).is_some() {
            return Err(RegisterError::Duplicate);
        }
        let mut more = Commands::clone(&commands);
        let index = more.entries.len();
        let lengths = more.by_length.len().max(name.len() + 1);
        more.by_length.resize_with(lengths, Vec::new);
        more.by_length[name.len()].push(command.route(index));
        more.entries.push(Entry {
            name,
            run,
            requests: metrics::requests(name),
        });
        self.publish(more, &mut commands);
        Ok(())
    }

    /// Replaces the commands, for all connections at their next wake-up.
    fn publish(&self, mut more: Commands<App>, commands: &mut Arc<Commands<App>>) {
        more.version += 1;
        self.version.store(more.version, Ordering::Release);
        *commands = Arc::new(more);
    }

    /// Returns the current commands.
    pub(crate) fn commands(&self) -> Arc<Commands<App>> {
        let commands = self.commands.read();
        Arc::clone(&commands.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns whether `commands` are the current ones.
    pub(crate) fn is_current(&self, commands: &Commands<App>) -> bool {
        self.version.load(Ordering::Acquire) == commands.version
    }
}

impl<App> Commands<App> {
    pub(crate) fn find(&self, name: &[u8]) -> Option<Route> {
        let mut routes = self.by_length.get(name.len())?.iter();
        routes.find(|route| route.name.as_bytes() == name).copied()
    }

    /// Returns the command with this index for `HELP`.
    pub(crate) fn listed(&self, index: usize) -> Option<HelpEntry<'_>> {
        let descriptions = self.descriptions.as_deref()?;
        let name = self.entries.get(index)?.name;
        Some(HelpEntry::among(descriptions, index, name))
    }

    /// Returns the topic with this index for `HELP`.
    pub(crate) fn listed_topic(&self, index: usize) -> Option<HelpEntry<'_>> {
        let descriptions = self.descriptions.as_deref()?;
        HelpEntry::topic(descriptions, index.checked_sub(self.entries.len())?)
    }

    /// Returns the handler of the command with this index.
    pub(crate) fn handler(&self, index: usize) -> &Run<App> {
        &self.entries[index].run
    }

    /// Tells the listener of a request that was answered with an error line.
    pub(crate) fn rejected(&self, app: &mut App, error: &RequestError) {
        if let Some(listener) = &self.on_rejection {
            listener(app, error);
        }
    }

    /// Counts requests for the command with this index.
    pub(crate) fn count(&self, index: usize, requests: u64) {
        self.entries[index].requests.increment(requests);
    }
}

impl<App> Clone for Commands<App> {
    fn clone(&self) -> Self {
        Self {
            version: self.version,
            by_length: self.by_length.clone(),
            entries: self.entries.clone(),
            descriptions: self.descriptions.clone(),
            on_rejection: self.on_rejection.clone(),
        }
    }
}

impl<App> Clone for Entry<App> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            run: self.run.clone(),
            requests: self.requests.clone(),
        }
    }
}

impl<App> Clone for Run<App> {
    fn clone(&self) -> Self {
        match self {
            Run::Now(run) => Run::Now(Arc::clone(run)),
            Run::Async(run) => Run::Async(Arc::clone(run)),
        }
    }
}

impl<App: 'static> Default for Endpoint<App> {
    fn default() -> Self {
        Self {
            commands: RwLock::new(Arc::new(Commands {
                version: 0,
                by_length: Vec::new(),
                entries: Vec::new(),
                descriptions: None,
                on_rejection: None,
            })),
            version: AtomicU64::new(0),
            topics: Topics::default(),
        }
    }
}

impl<App: 'static> fmt::Debug for Endpoint<App> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = self.commands();
        let mut routes: Vec<_> = commands.by_length.iter().flatten().collect();
        routes.sort_by_key(|route| route.index);
        f.debug_set()
            .entries(routes.iter().map(|route| route.name))
            .finish()
    }
}
