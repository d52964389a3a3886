//! Topics of the blocking client.

use super::pause::{LONGEST, pause};
use super::verdict::is_passing;
use super::{CallError, Cause, Client, Push};
use crate::wait::{after, has_passed};
use bellwire::topics::{SUBSCRIBE, UNSUBSCRIBE, UntypedTopic};
use bellwire::{Format, Topic};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The least time for an attempt to connect again. Without it a short wait for events could never succeed.
const ATTEMPT: Duration = Duration::from_secs(1);

impl Client {
    /// Subscribes to a topic. [`next_push`](Self::next_push) returns its events.
    ///
    /// To subscribe twice is not an error. Each connection that the client opens later is subscribed first.
    ///
    /// ```no_run
    /// use bellwire::{Postcard, Topic};
    /// use bellwire_std::{Client, Event};
    /// use std::time::Duration;
    ///
    /// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
    ///
    /// let mut client = Client::connect("localhost:61000", Duration::from_secs(5))?;
    /// client.subscribe(TICK)?;
    /// while let Some(push) = client.next_push(None)? {
    ///     match push.event(TICK).transpose()? {
    ///         Some(Event::Value(seconds)) => println!("{seconds} s"),
    ///         Some(Event::Lost(count)) => println!("{count} values lost"),
    ///         Some(Event::Gap) => println!("reconnected"),
    ///         _ => {} // an event of another topic
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// After an error there is no subscription, and you may try again.
    /// - [`CallError::Remote`]: the server has no such topic (`refused`), or no topics (`unknown-command`; then the
    ///   server also ends the conversation).
    /// - Others: see [`CallError`].
    pub fn subscribe<F: Format>(&mut self, topic: Topic<F>) -> Result<(), CallError> {
        self.subscribe_raw(topic.untyped())
    }

    /// Subscribes to a topic whose type is known only at run time.
    ///
    /// [`Topic::untyped`] makes the argument from a name and a format. The end of a value depends on its format only,
    /// so `Topic::<Postcard<()>>::new(name).untyped()` suits each topic in postcard's format. The
    /// [event](Push#structfield.event) has the encoded value.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_raw(&mut self, topic: UntypedTopic) -> Result<(), CallError> {
        if self.position(topic.name).is_some() {
            return Ok(());
        }
        self.call(SUBSCRIBE, topic.name)?;
        self.topics.push(topic);
        self.conversation.listen(&self.topics);
        Ok(())
    }

    /// Ends the subscription to a topic. It is not an error if there is none.
    ///
    /// The events that arrived before the server's reply are kept for [`next_push`](Self::next_push). Values and losses
    /// add up to all that the server published between [`subscribe`](Self::subscribe) and this call, unless there is a
    /// gap. Without an open connection, nothing is sent.
    ///
    /// # Errors
    /// [`CallError::Remote`]: the server refused it. The subscription continues if the conversation does. After every
    /// other error the connection has ended, and with it the subscription.
    pub fn unsubscribe<F: Format>(&mut self, topic: Topic<F>) -> Result<(), CallError> {
        self.unsubscribe_raw(topic.name())
    }

    /// Ends the subscription to the topic with this name; see [`unsubscribe`](Self::unsubscribe).
    ///
    /// # Errors
    /// As [`unsubscribe`](Self::unsubscribe).
    pub fn unsubscribe_raw(&mut self, topic: &str) -> Result<(), CallError> {
        let Some(index) = self.position(topic) else {
            return Ok(());
        };
        // Removed first, so that a new connection does not subscribe to it again.
        let heard = self.topics.remove(index);
        if !self.conversation.is_open() {
            return Ok(());
        }
        let outcome = self.call(UNSUBSCRIBE, topic);
        match &outcome {
            Err(CallError::Remote(_)) if self.conversation.is_open() => self.topics.push(heard),
            // The server may still send values.
            Err(_) => self.conversation.end_stream(Cause::Closed),
            Ok(()) => {}
        }
        self.conversation.listen(&self.topics);
        outcome
    }

    /// Waits for the next event of the subscribed topics, at most for `timeout`. `None` waits forever. While
    /// the client is connected, zero returns an event only if it has arrived.
    ///
    /// Returns `None` after the timeout, or at once if there is neither an event nor a subscription.
    ///
    /// Values that arrive during calls are kept, up to [`max_events`](super::ClientBuilder::max_events). Further values
    /// are discarded and counted: [`Event::Lost`](super::Event::Lost) takes their place. The client has no thread of
    /// its own: between calls it reads only here.
    ///
    /// # Reconnect
    /// If the connection has ended, this opens another one and subscribes again. Then
    /// [`Event::Gap`](super::Event::Gap) is the topic's first event. It pauses after each failure, from 50 ms up to 5
    /// s with jitter. A pause that outlasts `timeout` continues in the next call of this method. After the pause, one
    /// attempt to connect may take a second even if `timeout` is shorter, or zero. Other calls connect without
    /// pauses. If the server refuses a topic, that error is the topic's last event.
    ///
    /// # Errors
    /// [`CallError::NotSent`]: the server ended the conversation with an error line or sent unexpected bytes, or no
    /// connection could be opened in this time. The next call of this method tries again.
    pub fn next_push(&mut self, timeout: Option<Duration>) -> Result<Option<Push>, CallError> {
        let deadline = timeout.map(|timeout| after(Instant::now(), timeout));
        self.conversation.abandon();
        loop {
            if let Some(push) = self.conversation.pop_event() {
                return Ok(Some(push));
            }
            if self.topics.is_empty() {
                return Ok(None);
            }
            if !self.conversation.is_open() {
                self.connect_again(deadline).map_err(CallError::NotSent)?;
            } else if !self.conversation.wait_for_event(deadline) {
                return Ok(None);
            }
        }
    }

    fn position(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|heard| heard.name == topic)
    }

    /// Opens another connection and subscribes, with pauses after failures.
    fn connect_again(&mut self, deadline: Option<Instant>) -> Result<(), Cause> {
        if let Some(cause) = self.conversation.unreported() {
            return Err(cause);
        }
        let mut last = self
            .conversation
            .report()
            .map_or(Cause::Closed, |(cause, _)| cause);
        if self.target.is_none() {
            return Err(last);
        }
        let opened = self.opened.take();
        if opened.is_some_and(|opened| opened.elapsed() > LONGEST) {
            self.failures = 0;
        }
        loop {
            let pause = || after(Instant::now(), pause(self.failures));
            let next = *self.next_try.get_or_insert_with(pause);
            let until = deadline.map_or(next, |deadline| deadline.min(next));
            sleep(until.saturating_duration_since(Instant::now()));
            if until < next {
                return Err(last);
            }
            // A server that accepts and closes at once is a failure, too.
            self.failures = self.failures.saturating_add(1);
            let attempt = after(Instant::now(), ATTEMPT);
            let limit = deadline.map(|deadline| deadline.max(attempt));
            let opened = self
                .open(limit)
                .map_err(|error| Cause::Transport(Arc::new(error)));
            match opened.and_then(|()| self.resubscribe(limit)) {
                Ok(()) => return Ok(()),
                // A topic was refused.
                Err(_) if self.conversation.has_event() => return Ok(()),
                Err(cause) => last = cause,
            }
            if has_passed(deadline) {
                return Err(last);
            }
        }
    }

    /// Subscribes to all topics over a new connection, before the requests that wait to be sent.
    pub(super) fn resubscribe(&mut self, deadline: Option<Instant>) -> Result<(), Cause> {
        if self.topics.is_empty() {
            return Ok(());
        }
        let requests = self.conversation.set_aside();
        let outcome = self.subscribe_all(deadline);
        self.conversation.abandon();
        self.conversation.put_back(requests);
        outcome
    }

    fn subscribe_all(&mut self, deadline: Option<Instant>) -> Result<(), Cause> {
        let limit = self.options.max_request;
        for heard in &self.topics {
            let (name, expected) = (SUBSCRIBE.name(), SUBSCRIBE.expected());
            let encode = |space: &mut [u8]| SUBSCRIBE.encode(heard.name, space);
            // This cannot fail: the same request was encoded before.
            let _ = self.conversation.encode(name, expected, limit, encode);
        }
        self.conversation.send(usize::MAX, deadline);
        let mut confirmed = 0;
        while let Some(heard) = self.topics.get(confirmed) {
            let topic = heard.name;
            match self.conversation.reply(deadline) {
                Ok(_) => {
                    confirmed += 1;
                    self.conversation.listen(&self.topics[..confirmed]);
                    self.conversation.add_gap(topic);
                }
                Err(CallError::NotSent(cause) | CallError::MayHaveRun(cause)) => return Err(cause),
                Err(CallError::Remote(error)) if is_passing(&error) => {
                    return Err(Cause::Remote(error));
                }
                Err(error) => {
                    self.topics.remove(confirmed);
                    self.conversation.end_topic(topic, error);
                }
            }
        }
        match self.conversation.report() {
            // The server ended the conversation when it refused the last topic.
            Some((cause, _)) => Err(cause),
            None => Ok(()),
        }
    }
}
