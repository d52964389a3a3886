//! The server over smoltcp answers the table of bad input.

use bellwire_tests::bad_input::{cases, topic_cases};
use bellwire_tests::lan::Lan;

#[test]
fn the_server_over_smoltcp_answers_every_bad_input() {
    for case in cases().into_iter().chain(topic_cases()) {
        let mut lan = Lan::with_sockets(1);
        case.check_replies(&lan.talk(&case.input));
        case.check_arrived(&lan.log.arrived);
    }
}
