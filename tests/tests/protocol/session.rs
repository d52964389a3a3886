//! The server's side of the wire rules: each request and the reply to it.

use bellwire::{
    Buffer, Endpoint, ErrorKind, Format, Limits, Next, Postcard, ServerConnection, Service,
    Session, Step,
};
use bellwire_tests::expect::{answers, at_its_end_answers, ends};
use bellwire_tests::server::{App, ECHO, PING, Setup, endpoint, framed, join, show};

/// Encodes `text` as the payload of TEXT, which is also the payload of its reply.
fn postcard_text(text: &str) -> Vec<u8> {
    let mut space = [0; 512];
    let size = Postcard::<str>::encode(&text, &mut space).expect("room for the text");
    space[..size].to_vec()
}

/// Delivers `bytes` to the connection in one piece.
fn receive(connection: &mut ServerConnection<'_>, bytes: &[u8]) {
    connection.space()[..bytes.len()].copy_from_slice(bytes);
    connection.received(bytes.len());
}

#[test]
fn a_request_is_a_name_and_a_payload() {
    answers("STRING\nhi\n", "Thank you.\n");
    answers("ECHO\nhi\n", "hi\n");
    answers("PING\n", "pong\n");
    answers("", "");
}

#[test]
fn a_name_that_resembles_the_previous_one_is_looked_up_anew() {
    answers("PING\nPING\r\nPING\n PING\nPING\n", "pong\n".repeat(5));
    answers("PING\nECHO\nPING\nPING\n", "pong\nPING\npong\n");
    for other in ["PIN", "PINGS", "PING PING", ""] {
        let sent = Setup::default()
            .hears_all([format!("PING\n{other}\n").as_bytes()])
            .sent;
        let code = if other.is_empty() {
            "malformed"
        } else {
            "unknown-command"
        };
        assert!(
            sent.starts_with(format!("pong\n!{code} ").as_bytes()),
            "{}",
            show(&sent)
        );
    }
}

#[test]
fn reset_forgets_the_commands_of_the_previous_endpoint() {
    let served = endpoint();
    let none = Endpoint::<App, 1>::new();
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    receive(&mut connection, b"PING\n");
    connection.advance(&mut served.with(&mut App::default()));
    connection.reset();
    receive(&mut connection, b"PING\n");
    connection.advance(&mut none.with(&mut App::default()));
    assert!(connection.pending().starts_with(b"!unknown-command "));
}

#[test]
fn an_abort_between_requests_names_no_command() {
    let served = endpoint();
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    receive(&mut connection, b"PING\n");
    connection.advance(&mut served.with(&mut App::default()));
    connection.abort(ErrorKind::Busy, &mut served.with(&mut App::default()));
    let expected = "pong\n!busy temporarily unavailable\n";
    assert_eq!(show(connection.pending()), show(expected.as_bytes()));
}

#[test]
fn spaces_and_carriage_returns_around_a_name_are_ignored() {
    answers("ECHO\r\nhi\n", "hi\n");
    answers("  ECHO \r\nhi\n", "hi\n");
    answers(" \r PING\r \r\n", "pong\n");
    ends(
        "PI NG\n",
        "!unknown-command no command is named \"PI NG\"\n",
    );
    ends(
        "\tPING\n",
        "!unknown-command no command is named \"?PING\"\n",
    );
}

#[test]
fn a_name_matches_whole_and_case_sensitively() {
    ends("ping\n", "!unknown-command no command is named \"ping\"\n");
    ends("PIN\n", "!unknown-command no command is named \"PIN\"\n");
    ends(
        "PING2\n",
        "!unknown-command no command is named \"PING2\"\n",
    );
}

#[test]
fn a_line_payload_excludes_its_line_end() {
    answers("ECHO\nhi\r\n", "hi\n");
    answers("ECHO\n\n", "\n");
    answers("ECHO\n\r\n", "\n");
    answers("ECHO\n  two  spaces  \n", "  two  spaces  \n");
    answers("ECHO\na\rb\n", "a\rb\n");
    answers("ECHO\nGrüße 🌍 \0\n", "Grüße 🌍 \0\n");
    answers("STRING\n!hi\n", "Thank you.\n");
}

#[test]
fn a_payload_that_looks_like_a_command_is_not_run() {
    let outcome = answers("ECHO\nLOG\nECHO\nPING\n", "LOG\nPING\n");
    assert_eq!(outcome.ran, ["ECHO LOG", "ECHO PING", "PING"]);
}

#[test]
fn a_typed_reply_follows_an_ok_line() {
    answers("RESET\n", "OK\n");
    answers("LAST\n", b"OK\n\x05\0\0\0\0\0");
    for text in ["", "hi", "PING\n", "Grüße 🌍", &"long ".repeat(30)] {
        let payload = postcard_text(text);
        answers(join(&[b"TEXT\n", &payload]), join(&[b"OK\n", &payload]));
    }
}

#[test]
fn a_stored_structure_is_returned_byte_for_byte() {
    let data = framed(b"\x2e\x03abc\x01\x03one\x02\x01\xff\x01\x01\x00\x00\x00\x00");
    let request = join(&[b"POSTCARD\n", &data, b"LAST\n"]);
    answers(request, join(&[b"stored\nOK\n", &data]));
}

#[test]
fn a_length_prefix_may_be_longer_than_needed() {
    answers(b"TEXT\n\x83\x00\x02hi", b"OK\n\x03\x02hi");
    answers(
        b"TEXT\n\x83\x80\x80\x80\x80\x80\x80\x80\x80\x00\x02hi",
        b"OK\n\x03\x02hi",
    );
}

#[test]
fn a_command_without_reply_sends_no_bytes() {
    let outcome = answers("LOG\none\nLOG\ntwo\n", "");
    assert_eq!(outcome.ran, ["LOG one", "LOG two", "PING"]);
}

#[test]
fn replies_keep_the_order_of_their_requests() {
    answers(
        "PING\nECHO\n1\nLOG\nx\nRESET\nECHO\n2\nREFUSE\nno\nECHO\n3\n",
        "pong\n1\nOK\n2\n!refused REFUSE: no\n3\n",
    );
}

#[test]
fn a_thousand_requests_in_one_write_get_a_thousand_replies() {
    let requests: Vec<_> = (0..1000).map(|n| format!("ECHO\n{n}\n")).collect();
    let replies: Vec<_> = (0..1000).map(|n| format!("{n}\n")).collect();
    answers(requests.concat(), replies.concat());
}

#[test]
fn requests_received_together_are_answered_together() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    receive(&mut connection, b"PING\nPING\nPING\nPI");
    let next = connection.advance(&mut endpoint().with(&mut App::default()));
    assert_eq!(next, Next::Receive);
    assert_eq!(connection.pending(), b"pong\npong\npong\n");
}

#[test]
fn a_request_waits_for_room_for_its_reply() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    receive(&mut connection, &b"REPEAT\n\x02\xc8\x01".repeat(5)); // 200 each
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut advance = |replies: usize| {
        let next = connection.advance(&mut endpoint.with(&mut app));
        let expected = ("x".repeat(200) + "\n").repeat(replies);
        assert_eq!(show(connection.pending()), expected.replace('\n', "\\n"));
        connection.sent(connection.pending().len());
        next
    };
    assert_eq!(advance(2), Next::Send);
    assert_eq!(advance(2), Next::Send);
    assert_eq!(advance(1), Next::Receive);
}

#[test]
fn a_request_waits_until_more_bytes_have_left_than_its_reply_moves() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    receive(&mut connection, &b"REPEAT\n\x01\x64".repeat(5)); // 100 each
    let (endpoint, mut app) = (endpoint(), App::default());
    for (sent, pending, expected) in [
        (0, 303, Next::Send),
        (100, 203, Next::Send),
        (51, 152, Next::Send),
        (1, 353, Next::Send), // 152 are sent, and 151 moved
        (353, 0, Next::Receive),
    ] {
        connection.sent(sent);
        let next = connection.advance(&mut endpoint.with(&mut app));
        assert_eq!((connection.pending().len(), next), (pending, expected));
    }
    assert_eq!(app.ran.len(), 5);
}

#[test]
fn a_connection_is_idle_only_between_requests() {
    for (heard, idle) in [
        ("", true),
        ("P", false),
        ("PING\n", true),
        ("PING\n ", false),
        ("ECHO\n", false),
        ("ECHO\nhi", false),
        ("ECHO\nhi\n", true),
        ("TEXT\n\x7f", false),
        ("TEXT\n\x7f\x02hi", false),
    ] {
        let outcome = Setup::default().hears([heard.as_bytes()]);
        assert_eq!(outcome.idle, idle, "after {heard:?}");
    }
    let skipping = b"TEXT\n\xff\xff\x01 skipped bytes that go on";
    assert!(!Setup::default().hears([&skipping[..]]).idle);
}

#[test]
fn a_stream_that_ends_between_requests_is_no_error() {
    let outcome = at_its_end_answers("PING\nLOG\nx\n", "pong\n");
    assert!(outcome.rejected.is_empty());
    at_its_end_answers("", "");
}

#[test]
fn a_request_may_be_answered_after_next_has_returned() {
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut memory = [0; 512];
    let mut out = Buffer::new(&mut memory);
    let mut session = Session::new(Limits::for_buffers(256, 512));
    let mut input: &[u8] = b"ECHO\nhi\nPING\n";
    let Step::Request { index, payload } = session.next(&mut service, &mut input, &mut out) else {
        panic!("the complete request was not returned");
    };
    assert_eq!((payload, input), (&b"hi\n"[..], &b"PING\n"[..]));
    assert!(
        out.is_empty() && session.partial_request(&[]).is_some(),
        "the request must await its answer"
    );
    let answered = service.call(index, payload, session.reply(&mut out));
    session.answered(answered, &mut service, &mut out);
    assert_eq!(out.filled(), b"hi\n");
}

#[test]
fn a_request_left_unanswered_gets_an_error_line() {
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut memory = [0; 512];
    let mut out = Buffer::new(&mut memory);
    let mut session = Session::new(Limits::for_buffers(256, 512));
    let mut input: &[u8] = b"ECHO\nhi\n";
    let Step::Request { index, payload } = session.next(&mut service, &mut input, &mut out) else {
        panic!("the complete request was not returned");
    };
    let step = session.next(&mut service, &mut input, &mut out);
    assert!(matches!(step, Step::Receive), "{step:?}");
    let late = service.call(index, payload, session.reply(&mut out));
    session.answered(late, &mut service, &mut out);
    assert_eq!(show(out.filled()), "!failed ECHO: handler sent no reply\\n");
}

/// An answer that arrives too late counts for the request that `next` returned last.
#[test]
fn a_late_answer_counts_for_the_request_returned_last() {
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut memory = [0; 512];
    let mut out = Buffer::new(&mut memory);
    let mut session = Session::new(Limits::for_buffers(256, 512));
    let mut input: &[u8] = b"ECHO\none\nECHO\ntwo\n";
    session.next(&mut service, &mut input, &mut out);
    let Step::Request { index, payload } = session.next(&mut service, &mut input, &mut out) else {
        panic!("the complete request was not returned");
    };
    assert_eq!(payload, b"two\n");
    let answered = service.call(index, payload, session.reply(&mut out));
    session.answered(answered, &mut service, &mut out);
    assert_eq!(
        show(out.filled()),
        "!failed ECHO: handler sent no reply\\ntwo\\n"
    );
}

#[test]
fn a_refusal_reason_may_be_longer_than_a_reply() {
    let reason = "r".repeat(64);
    for reply in [0, 1, 63, 64] {
        let setup = Setup {
            limits: Some(Limits {
                reply,
                ..Limits::for_buffers(256, 512)
            }),
            ..Setup::default()
        };
        let sent = setup
            .hears([format!("REFUSE\n{reason}more\n").as_bytes()])
            .sent;
        assert_eq!(show(&sent), format!("!refused REFUSE: {reason}\\n"));
    }
}

#[test]
fn a_refusal_without_a_reason_gets_a_default_sentence() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let endpoint = endpoint();
    connection.abort(ErrorKind::Refused, &mut endpoint.with(&mut App::default()));
    assert_eq!(
        show(connection.pending()),
        "!refused rejected by the handler\\n"
    );
}

#[test]
fn a_crashed_handler_closes_the_connection() {
    let mut endpoint = Endpoint::<(), 2>::new();
    let crash = endpoint.handle(ECHO, &|(), _, reply| reply.fail(ErrorKind::Crashed));
    let ping = endpoint.handle(PING, &|(), (), reply| reply.send("pong"));
    crash.and(ping).expect("room for both commands");
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    receive(&mut connection, b"PING\nECHO\nhi\nPING\n");
    let next = connection.advance(&mut endpoint.with(&mut ()));
    assert_eq!(next, Next::Close);
    let answer = "pong\\n!failed ECHO: handler panicked\\n";
    assert_eq!(show(connection.pending()), answer);
}

#[test]
fn no_buffer_size_makes_the_server_panic_or_loop() {
    let input = "PING\nECHO\nhi\nTEXT\n\x03\x02hi\nREFUSE\nno\nNOBODY\nPING\n";
    for rx in 0..20 {
        for tx in 0..40 {
            let setup = Setup {
                rx,
                tx,
                ..Setup::default()
            };
            let outcome = setup.hears_all([input.as_bytes()]);
            assert!(outcome.closed, "rx {rx}, tx {tx}");
        }
    }
}

#[test]
fn a_cut_error_line_still_begins_and_ends_as_one() {
    for tx in 0..170 {
        let setup = Setup {
            tx,
            ..Setup::default()
        };
        let request = format!("REFUSE\n{}\n", "ü".repeat(32));
        let sent = setup.hears([request.as_bytes()]).sent;
        let text = str::from_utf8(&sent).expect("a cut between characters");
        assert!(
            sent.is_empty() || text.starts_with('!') && text.ends_with('\n'),
            "tx {tx}"
        );
        assert_eq!(tx < 2, sent.is_empty());
    }
}
