//! The share of the line that is left for bytes.

use super::line::{World, clean, sample};

#[test]
fn bytes_get_85_percent_of_the_line_in_one_and_in_both_directions() {
    for both in [false, true] {
        let mut world = World::new(512);
        world.open();
        let sent = sample(50_000);
        let start = world.time;
        let mut left = [&sent[..], if both { &sent[..] } else { &[] }];
        let mut arrived = [Vec::new(), Vec::new()];
        let whole = world.run(60, &mut clean, |world| {
            for end in [0, 1] {
                world.write(end, &mut left[end]);
                world.read(end, &mut arrived[end]);
            }
            arrived[1].len() == sent.len() && (!both || arrived[0].len() == sent.len())
        });
        assert!(whole);
        let on_the_line = (world.time - start) / 87;
        let share = 100 * 50_000 / on_the_line;
        println!("both directions: {both}; {share} % of the line");
        assert!(share >= 85, "{share} %");
    }
}
