//! The curve of a sale in so many columns.

use super::record::Point;

/// The points at the ends of `count` columns of the same width.
pub fn columns(points: &[Point], count: u64) -> impl Iterator<Item = Point> + '_ {
    let end = u128::from(points.last().map_or(0, |last| last.at));
    (1..=count).filter_map(move |column| {
        let until = end * u128::from(column) / u128::from(count.max(1));
        let after = points.partition_point(|point| u128::from(point.at) <= until);
        points.get(after.checked_sub(1)?).copied()
    })
}

/// How many a minute a counter grew in each of `count` columns.
#[must_use]
pub fn rates(points: &[Point], count: u64, counter: fn(&Point) -> u64) -> Vec<f64> {
    let mut last = points.first().copied();
    columns(points, count)
        .map(|point| {
            let before = last.replace(point).unwrap_or(point);
            let minutes = point.at.saturating_sub(before.at) as f64 / 60e6;
            let grown = counter(&point).saturating_sub(counter(&before)) as f64;
            if minutes > 0.0 { grown / minutes } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten released a second for a minute, and none in the next.
    fn points() -> Vec<Point> {
        (0..=120)
            .map(|second| Point {
                at: second * 1_000_000,
                joined: 0,
                waiting: second,
                released: 10 * second.min(60),
                inside: 0,
            })
            .collect()
    }

    #[test]
    fn a_column_shows_what_is_at_its_end_and_how_fast_a_counter_grew_in_it() {
        let points = points();
        let waiting: Vec<u64> = columns(&points, 4).map(|point| point.waiting).collect();
        assert_eq!(waiting, [30, 60, 90, 120]);
        let released = rates(&points, 4, |point| point.released);
        assert_eq!(released, [600.0, 600.0, 0.0, 0.0]);
        assert!(rates(&[], 4, |point| point.released).is_empty());
        assert!(columns(&points[..1], 0).next().is_none());
    }
}
