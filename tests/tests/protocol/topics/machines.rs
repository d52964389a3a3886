//! The machines for servers and clients with buffers of their own: pushes in encoded form.

use super::{LOG, TICK};
use bellwire::format::EncodeError;
use bellwire::topics::{Front, Pushes};
use bellwire::{Buffer, ErrorKind, Limits, Line, Session, Topic};

/// A topic with the longest name.
const LONG: Topic<Line> =
    Topic::new("NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN");

#[test]
fn a_push_is_encoded_if_the_space_has_its_length_and_not_if_it_is_shorter() {
    let mut space = [0; 32];
    for size in 0..32 {
        let fits = |length: usize| {
            if size < length {
                Err(EncodeError::NoRoom)
            } else {
                Ok(length)
            }
        };
        assert_eq!(LOG.encode("open", &mut space[..size]), fits(10));
        assert_eq!(TICK.encode(&5, &mut space[..size]), fits(8));
        assert_eq!(LOG.encode_lost(u32::MAX, &mut space[..size]), fits(17));
    }
    assert_eq!(&space[..17], b">LOG +4294967295\n");
    assert_eq!(
        LOG.encode("a\nb", &mut space),
        Err(EncodeError::Unencodable)
    );
}

#[test]
fn a_loss_line_needs_room_for_the_longest_count_whatever_its_count() {
    let mut space = [0; 17];
    assert_eq!(
        LOG.encode_lost(1, &mut space[..16]),
        Err(EncodeError::NoRoom)
    );
    assert_eq!(LOG.encode_lost(1, &mut space), Ok(8));
}

#[test]
fn a_push_is_written_if_a_reply_and_an_error_line_still_fit_after_it() {
    for (reply, needed) in [(100, 160), (160, 160), (200, 200)] {
        let session = Session::new(Limits {
            reply,
            ..Limits::for_buffers(256, 512)
        });
        for size in needed..needed + 20 {
            let mut memory = vec![0; size];
            let mut out = Buffer::new(&mut memory);
            let written = session.push(b">LOG\nopen\n", &mut out);
            assert_eq!(written, size >= needed + 10, "{size} bytes");
            let expected = if written { &b">LOG\nopen\n"[..] } else { b"" };
            assert_eq!(out.filled(), expected);
        }
    }
}

#[test]
fn the_first_line_of_a_push_takes_at_most_76_bytes() {
    let topics = [LONG.untyped()];
    let line = format!(">{} +4294967295\n", LONG.name());
    let (topic, count, size) = (0, u32::MAX, 76);
    let lost = Front::Lost { topic, count, size };
    let mut pushes = Pushes::default();
    for end in 1..76 {
        let front = pushes.find(&topics, &line.as_bytes()[..end], 100);
        assert_eq!(front, Ok(Front::Incomplete));
    }
    assert_eq!(pushes.find(&topics, line.as_bytes(), 100), Ok(lost));
    let endless = line.replace('\n', "0");
    let front = pushes.find(&topics, endless.as_bytes(), 100);
    assert_eq!(front, Err(ErrorKind::UnexpectedReply));
}

#[test]
fn a_push_that_fits_the_capacity_is_found_and_a_longer_one_is_lost() {
    let push = b">TICK\n\x05abcde>";
    for capacity in 0..20 {
        let front = Pushes::default().find(&[TICK.untyped()], push, capacity);
        let (topic, start, size, count) = (0, 6, 12, 1);
        let expected = if capacity >= size {
            Front::Push { topic, start, size }
        } else {
            Front::Lost { topic, count, size }
        };
        assert_eq!(front, Ok(expected));
    }
}

#[test]
fn a_push_of_more_than_64_kib_that_exceeds_the_capacity_ends_the_conversation() {
    // The first line and the length have 9 bytes.
    for (length, known) in [(65_536u32 - 9, true), (65_536 - 8, false)] {
        let mut push = b">TICK\n".to_vec();
        push.extend(
            postcard::to_slice(&length, &mut [0; 5])
                .expect("room")
                .iter(),
        );
        let front = Pushes::default().find(&[TICK.untyped()], &push, 100);
        let (topic, count, size) = (0, 1, 65_536);
        let limit = 100;
        let expected = if known {
            Ok(Front::Lost { topic, count, size })
        } else {
            Err(ErrorKind::MessageTooLong { limit })
        };
        assert_eq!(front, expected);
        // A client that can hold it waits for the rest.
        let front = Pushes::default().find(&[TICK.untyped()], &push, 100_000);
        assert_eq!(front, Ok(Front::Incomplete));
    }
}
