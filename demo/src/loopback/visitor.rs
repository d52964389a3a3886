//! A client that talks to the server on the same interface.

use super::network::Network;
use bellwire::Printable;
use bellwire::smoltcp::Client;
use commands::{GOB, Observer, PORT, POSTCARD, STRING, TEXT};
use core::task::Poll;
use smoltcp::phy::Device;
use smoltcp::socket::tcp::Socket;
use smoltcp::time::Duration;
use std::error::Error;

/// The time limit for a call, by the network's clock.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that connects, sends the text and the structure a number of times, then closes.
#[derive(Debug)]
pub(super) struct Visitor<'b> {
    client: Client<'b>,
    step: Step,
    /// Rounds still to send.
    left: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    SendText,
    AwaitThanks,
    SendPostcard,
    AwaitReceipt,
    SendGob,
    AwaitSent,
    Close,
    Left,
}

impl<'b> Visitor<'b> {
    pub(super) fn new(rx: &'b mut [u8], tx: &'b mut [u8], times: usize) -> Self {
        Self {
            client: Client::new(rx, tx),
            step: Step::Connect,
            left: times,
        }
    }

    pub(super) fn has_left(&self) -> bool {
        self.step == Step::Left
    }

    /// Takes all steps of the script that are possible now. `port` is the client's own port.
    pub(super) fn poll(
        &mut self,
        socket: &mut Socket<'_>,
        network: &mut Network<impl Device>,
        port: u16,
        observer: &mut dyn Observer,
    ) -> Result<(), Box<dyn Error>> {
        loop {
            let next = self.next(socket, network, port, observer)?;
            if next == self.step {
                return Ok(());
            }
            self.step = next;
        }
    }

    fn next(
        &mut self,
        socket: &mut Socket<'_>,
        network: &mut Network<impl Device>,
        port: u16,
        observer: &mut dyn Observer,
    ) -> Result<Step, Box<dyn Error>> {
        let now = network.now;
        let deadline = now + PATIENCE;
        Ok(match self.step {
            Step::Connect => {
                network.connect(socket, PORT, port)?;
                Step::SendText
            }
            Step::SendText => {
                observer.sends_text(TEXT);
                self.client.call(STRING, TEXT, socket, deadline)?;
                Step::AwaitThanks
            }
            Step::AwaitThanks => match self.client.poll_reply(STRING, socket, now) {
                Poll::Pending => self.step,
                Poll::Ready(reply) => {
                    expect("Thank you.", reply?, observer)?;
                    Step::SendPostcard
                }
            },
            Step::SendPostcard => {
                let value = commands::value();
                observer.sends_data(POSTCARD.name(), &value);
                self.client.call(POSTCARD, &value, socket, deadline)?;
                Step::AwaitReceipt
            }
            Step::AwaitReceipt => match self.client.poll_reply(POSTCARD, socket, now) {
                Poll::Pending => self.step,
                Poll::Ready(reply) => {
                    expect("Received.", reply?, observer)?;
                    Step::SendGob
                }
            },
            Step::SendGob => {
                let value = commands::value();
                observer.sends_data(GOB.name(), &value);
                self.client.call(GOB, &value, socket, deadline)?;
                Step::AwaitSent
            }
            Step::AwaitSent => match self.client.poll_sent(GOB, socket, now) {
                Poll::Pending => self.step,
                Poll::Ready(sent) => {
                    sent?;
                    self.left -= 1;
                    if self.left > 0 {
                        Step::SendText
                    } else {
                        socket.close();
                        Step::Close
                    }
                }
            },
            Step::Close if socket.is_open() => Step::Close,
            Step::Close | Step::Left => Step::Left,
        })
    }
}

fn expect(expected: &str, reply: &str, observer: &mut dyn Observer) -> Result<(), Box<dyn Error>> {
    observer.hears(reply);
    if reply == expected {
        Ok(())
    } else {
        let reply = Printable::new(reply).quoted();
        Err(format!("the reply is {reply} instead of {expected:?}").into())
    }
}
