//! Measures flash, RAM and stack of the core and the firmware, and compares them with the committed table.
//! Separate from `firmware`, because other boards would disturb its measurement of speed.
//!
//! `cargo test -p bellwire-tests --test footprint -- --nocapture` prints the figures. If they have grown
//! for a good reason, run it with `BELLWIRE_FIGURES=write` and commit the table. Without `CI` or this variable it
//! measures only the programs optimised for size: each profile takes a minute to build.

mod programs;

use bellwire_tests::board::{Board, PATIENCE, ROOT};
use bellwire_tests::image::{build, footprint, library_is_rustups, run, run_linked};
use bellwire_tests::in_ci;
use programs::{POSTCARD, nested, programs, request};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Cargo profiles and their labels in the table: optimised for size, the same without sentences in
/// error lines, and optimised for speed.
const PROFILES: [(&str, &str); 3] = [("release", "s"), ("terse", "terse"), ("fast", "3")];

/// One row of the table: a program and its figures.
struct Row {
    name: String,
    figures: Vec<usize>,
}

/// Returns the path of the committed table.
fn figures() -> PathBuf {
    Path::new(ROOT).join("demo/firmware/footprint/figures.txt")
}

/// Cause: new figures were committed, and the README kept the old ones.
#[test]
fn the_readme_shows_the_committed_figures() {
    let figures = std::fs::read_to_string(figures()).unwrap();
    let readme = std::fs::read_to_string(Path::new(ROOT).join("demo/firmware/README.md")).unwrap();
    let (_, table) = readme.split_once("```text\nbytes ").expect("a table");
    let (table, _) = table.split_once("```").expect("its end");
    let rows = table.lines().skip(1);
    assert!(rows.clone().count() > 10);
    for row in rows {
        assert!(figures.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn the_footprint_has_not_grown() {
    let writes = std::env::var_os("BELLWIRE_FIGURES").is_some();
    let profiles = if writes || in_ci() {
        &PROFILES[..]
    } else {
        &PROFILES[..1]
    };
    if !profiles.iter().all(|(profile, _)| build(profile)) {
        return;
    }
    let (Some(mut server), Some(echo)) = (Board::server(), Board::echo()) else {
        return;
    };
    let mut rows = Vec::new();
    for (profile, level) in profiles {
        rows.extend(core_alone(profile, level));
    }
    rows.push(whole_firmware(&mut server));
    let table = table(&rows);
    println!("{table}");

    let path = figures();
    if writes {
        std::fs::write(&path, table).unwrap();
    } else {
        compare(&rows, &std::fs::read_to_string(&path).unwrap());
    }
    if library_is_rustups() {
        println!("ceilings not checked: they are for a library compiled for size");
    } else {
        stays_below_the_ceilings(&rows);
        the_link_stays_below_its_ceilings(&rows);
        adds_at_most(3 << 9, "server_postcard_help s", "server_postcard s", &rows);
    }
    // Other capacities add a command with its handler, and no second decoder, which has about 2 KiB.
    adds_at_most(1 << 10, "server_gob_capacities s", "server_gob s", &rows);
    adds_at_most(1 << 10, "server_string_topics s", "server_string s", &rows);
    share_of_the_echo(&server, &echo);
}

/// Measures the minimal programs and subtracts the program without the core.
fn core_alone(profile: &str, level: &str) -> Vec<Row> {
    let empty = footprint(profile, "empty");
    let measure = |(name, input, replies): (&str, Vec<u8>, Vec<u8>)| {
        let program = name.split(' ').next().unwrap();
        let size = footprint(profile, program);
        let run = match program {
            "server_string_link" => run_linked,
            _ => run,
        };
        let (stack, state) = run(profile, program, &input, &replies);
        Row {
            name: format!("{name} {level}"),
            figures: vec![
                size.flash - empty.flash,
                size.ram - empty.ram + state,
                stack,
            ],
        }
    };
    // A client sends no error lines, so leaving out sentences changes only servers.
    let differs = |program: &str| level != "terse" || program.starts_with("server");
    let programs = programs(level).into_iter();
    let programs = programs.filter(|(program, ..)| differs(program));
    programs.map(measure).collect()
}

/// Sends the server's firmware all kinds of input, then reads its stack usage.
fn whole_firmware(board: &mut Board) -> Row {
    board.hears_the_demos_client();
    let lines = "STRING\nhi\n".repeat(300);
    assert_eq!(board.answer(lines), "Thank you.\n".repeat(300));
    for bad in ["NOPE\n", "STRING\nh", "POSTCARD\n\x02\x2e\x0b"] {
        assert!(board.answer(bad).starts_with('!'));
    }
    assert!(
        board
            .answer("HELP\nSCHEMA\nGOB\n")
            .starts_with("OK\nSTRING line")
    );
    let hidden = [nested(), b"STRING\nhi\n".into()].concat();
    assert_eq!(board.answer(&hidden), "Thank you.\n");
    let mut uart = board.serial();
    uart.write_all(&request(POSTCARD, &commands::value()))
        .unwrap();
    uart.write_all(&hidden).unwrap();
    let mut answer = [0; 21];
    uart.read_exact(&mut answer).unwrap();
    assert_eq!(answer.as_slice(), b"Received.\nThank you.\n");
    let size = footprint("release", "server");
    Row {
        name: "firmware s".into(),
        figures: vec![size.flash, size.ram, board.stack()],
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:28}{:>8}{:>8}{:>8}\n", "bytes", "flash", "RAM", "stack");
    for Row { name, figures } in rows {
        write!(table, "{name:28}").unwrap();
        for figure in figures {
            write!(table, "{figure:8}").unwrap();
        }
        table.push('\n');
    }
    table
}

/// Fails if a figure exceeds the committed one by more than 1/25 and 32 bytes, the most that another
/// compiler may cause. With rustup's library, which makes figures up to 1/5 larger, it allows 1/4.
fn compare(rows: &[Row], committed: &str) {
    let part = if library_is_rustups() { 4 } else { 25 };
    for Row { name, figures } in rows {
        let before = committed.lines().find_map(|line| line.strip_prefix(name));
        let before = before.expect(name).split_whitespace();
        for (figure, before) in figures.iter().zip(before) {
            let before: usize = before.parse().unwrap();
            let allowed = before + before / part + 32;
            assert!(
                *figure <= allowed,
                "{name}: {figure} bytes, committed are {before}"
            );
        }
    }
}

/// Checks absolute limits, which stop slow growth too.
fn stays_below_the_ceilings(rows: &[Row]) {
    let ceilings = [
        ("server_postcard s", [8 << 10, 256, 2 << 10]),
        // Half a kilobyte of this bounds the work for each byte.
        ("server_gob s", [13 << 10, 256, 9 << 8]),
        ("server_gob nested s", [13 << 10, 256, 3 << 10]),
        // Below the first clients, which took 3716, 5860 and 7752 bytes of flash.
        ("client_string s", [7 << 9, 76, 5 << 7]),
        ("client_postcard s", [11 << 9, 76, 7 << 8]),
        ("client_gob s", [15 << 9, 76, 7 << 8]),
        // 3 KiB of this publish TICK: the topics, an encoder for its number, and the calls. Another 2 KiB answer HELP
        // and SCHEMA, and 3 KiB are the link's.
        ("firmware s", [48 << 10, 16 << 10, 6 << 10]),
    ];
    for (name, ceilings) in ceilings {
        let row = rows.iter().find(|row| row.name == name).expect(name);
        for (figure, ceiling) in row.figures.iter().zip(ceilings) {
            assert!(*figure < ceiling, "{name}: {figure} of {ceiling} bytes");
        }
    }
}

/// Checks the bytes that a link adds to a server, beyond the memory that it is lent.
///
/// Cause: the same code in another order took 60 bytes of flash more.
fn the_link_stays_below_its_ceilings(rows: &[Row]) {
    let figures = |name: &str| {
        &rows
            .iter()
            .find(|row| row.name == name)
            .expect(name)
            .figures
    };
    let plain = figures("server_string s").iter();
    let linked = figures("server_string_link s").iter();
    let added: Vec<_> = linked
        .zip(plain)
        .map(|(linked, plain)| linked - plain)
        .collect();
    println!("the link adds {added:?} bytes of flash, RAM and stack");
    assert!(added[0] <= 3 << 10 && added[1] <= 64, "{added:?} bytes");
}

/// Checks the flash that `program` adds to `other`.
fn adds_at_most(ceiling: usize, program: &str, other: &str, rows: &[Row]) {
    let flash = |name: &str| {
        let row = rows.iter().find(|row| row.name == name);
        row.expect(name).figures[0]
    };
    let added = flash(program) - flash(other);
    println!("{program} adds {added} bytes of flash to {other}");
    assert!(added <= ceiling, "{program} adds {added} bytes to {other}");
}

/// Compares the round trips a second of the server with those of an echo of the same bytes.
///
/// The two take turns, with many short rounds. The best round counts, because other work on this machine
/// can only slow a round down.
fn share_of_the_echo(server: &Board, echo: &Board) {
    // Three clients leave the board no time to sleep. With one client it sleeps between requests, and
    // the time to wake it depends more on this machine than on the board.
    for clients in [1, 3] {
        let (mut best_server, mut best_echo) = (0, 0);
        for _ in 0..16 {
            best_echo = best_echo.max(round_trips(echo, clients));
            best_server = best_server.max(round_trips(server, clients));
        }
        let share = best_server * 100 / best_echo;
        println!("{clients} at once: {best_server} round trips a second, {share} % of {best_echo}");
        // On a quiet machine the share is 90 % or more. This limit allows for a busy one.
        assert!(
            share >= 50,
            "{best_server} of {best_echo} round trips a second"
        );
    }
}

/// Returns the round trips a second of `clients` clients at once.
fn round_trips(board: &Board, clients: usize) -> usize {
    let time = Duration::from_millis(250);
    let exchange = |mut stream: TcpStream| {
        let begin = Instant::now();
        let mut count = 0;
        while begin.elapsed() < time {
            // Request and reply have 11 bytes each.
            stream.write_all(b"STRING\nabc\n").unwrap();
            stream.read_exact(&mut [0; 11]).unwrap();
            count += 1;
        }
        count
    };
    let count: usize = thread::scope(|scope| {
        let streams: Vec<_> = (0..clients).map(|_| served(board)).collect();
        let start = |stream| scope.spawn(move || exchange(stream));
        let running: Vec<_> = streams.into_iter().map(start).collect();
        running.into_iter().map(|one| one.join().unwrap()).sum()
    });
    count * 4
}

/// Connects, again and again until a socket of the board is free.
fn served(board: &Board) -> TcpStream {
    let begin = Instant::now();
    loop {
        let mut stream = board.connect();
        let sent = stream.write_all(b"STRING\nabc\n");
        if sent.and_then(|()| stream.read_exact(&mut [0; 11])).is_ok() {
            return stream;
        }
        assert!(begin.elapsed() < PATIENCE, "no socket is free");
    }
}
