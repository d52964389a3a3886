//! Draws the results as an SVG chart.

use super::server::Kind;
use super::table::digits;
use super::{Found, GOB, LOADS, cpu};
use std::fmt::Write;

const BAR: f64 = 13.0;
const GAP: f64 = 3.0;
const LEFT: f64 = 110.0;
const TOP: f64 = 80.0;
const WIDTH: f64 = 760.0;
const BARS: f64 = (BAR + GAP) * 6.0;
const GROUP: f64 = BARS + 18.0;

/// Returns a colour that is readable on white and on black. Colour-blind readers can tell them apart.
fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Bare => "#8c959f",
        Kind::Task => "#c2661a",
        Kind::Tasks => "#e08e3c",
        Kind::Threads => "#ecc08a",
        Kind::Redis => "#5a8fd6",
        Kind::Go => "#2f9e8f",
    }
}

/// Draws the CPU time per request as bars, in multiples of the bare loop's.
pub(crate) fn draw(found: &Found) -> String {
    let ratio = |row, kind| cpu(&found[&(row, kind)]) / cpu(&found[&(row, Kind::Bare)]);
    let rows = found.keys().filter(|(row, _)| *row != GOB);
    let longest = rows.map(|(row, kind)| ratio(*row, *kind));
    let scale = (WIDTH - LEFT - 130.0) / longest.fold(1.0, f64::max);
    let height = TOP + GROUP * 5.0;
    // The text is light on a dark page.
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<style>text {{ fill: #1f2328 }} @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>
<text x="0" y="16" font-size="14" font-weight="bold">The server's CPU time for a request, as a multiple of a bare event loop's: shorter is better</text>
<text x="0" y="74" font-size="10">connections × in flight</text>
"#
    );
    for (index, kind) in (0u8..).zip(Kind::ALL) {
        let (x, y) = (
            LEFT + 210.0 * f64::from(index % 3),
            28.0 + 18.0 * f64::from(index / 3),
        );
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{y}" width="12" height="12" fill="{}"/><text x="{}" y="{}">{}</text>"#,
            colour(kind),
            x + 17.0,
            y + 10.0,
            kind.name()
        );
    }
    let mut y = TOP;
    for (row, (connections, pipeline)) in LOADS[..GOB].iter().enumerate() {
        let middle = y + BARS / 2.0;
        let _ = writeln!(
            svg,
            r#"<text x="{0}" y="{middle}" text-anchor="end">{connections} × {pipeline}</text>"#,
            LEFT - 10.0
        );
        for kind in Kind::ALL {
            let (ratio, own) = (ratio(row, kind), cpu(&found[&(row, kind)]));
            let (width, base) = (ratio * scale, y + BAR - 2.5);
            let _ = writeln!(
                svg,
                r#"<rect x="{LEFT}" y="{y}" width="{width:.1}" height="{BAR}" fill="{}"/><text x="{:.1}" y="{base}" font-size="11">{ratio:.2} × ({} µs)</text>"#,
                colour(kind),
                LEFT + width + 5.0,
                digits(own)
            );
            y += BAR + GAP;
        }
        y += GROUP - BARS;
    }
    svg.push_str("</svg>\n");
    svg
}
