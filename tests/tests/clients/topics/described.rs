//! Topics that are known by their descriptions only.

use bellwire::schema::Described;
use bellwire::{Format, Gob, Line, Postcard, Topic};
use bellwire_std::json::RemoteTopic;
use bellwire_std::schema::parse;
use bellwire_std::{Client, Event};
use bellwire_tests::running::{Kind, PATIENCE, serve};

/// Publishes a value to a client that has only the topic's name. Returns the value's JSON.
fn heard<F: Format + Described>(topic: Topic<F>, value: F::Sent<'_>) -> String {
    let server = serve(Kind::Threads, |_| {});
    let publisher = server.endpoint.topic(topic).unwrap();
    server.endpoint.describe(vec![topic.describe()].leak());
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    let remote = RemoteTopic::fetch(&mut client, topic.name()).unwrap();
    assert_eq!(remote.name(), topic.name());
    client.subscribe_raw(remote.untyped().unwrap()).unwrap();
    publisher.publish(value).unwrap();
    let push = client.next_push(Some(PATIENCE)).unwrap().unwrap();
    match push.event {
        Ok(Event::Value(payload)) => remote.decode(&payload).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_of_each_format_become_json() {
    assert_eq!(heard(<Topic<()>>::new("TICK"), ()), "null");
    assert_eq!(heard(<Topic<Line>>::new("LOG"), "a b"), r#""a b""#);
    assert_eq!(heard(<Topic<Postcard<u32>>>::new("COUNT"), &300), "300");
    assert_eq!(heard(<Topic<Gob<i64>>>::new("SUM"), &-300), "-300");
}

#[test]
fn a_topic_in_a_format_of_the_server_s_own_cannot_be_heard() {
    let own = RemoteTopic::new(parse(">OWN cbor u8").unwrap()).unwrap();
    assert!(own.untyped().is_none());
}

#[test]
fn the_signature_of_a_command_is_no_topic() {
    assert_eq!(RemoteTopic::new(parse("OWN line").unwrap()), None);
}
