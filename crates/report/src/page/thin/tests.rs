use super::*;

fn points(values: impl IntoIterator<Item = (u64, Option<f64>)>) -> Vec<Point> {
    values.into_iter().map(|(step, value)| Point { step, value }).collect()
}

/// A noisy curve without a random generator.
fn wave(count: u64) -> Vec<Point> {
    points((0..count).map(|step| {
        let x = step.wrapping_mul(2_654_435_761) % 1000;
        (step, Some(x as f64 / 1000.0 + (step as f64 / 500.0).sin()))
    }))
}

#[test]
fn few_points_stay_as_they_are() {
    let curve = wave(600);
    let kept = lines(&curve, 300);
    let expected: Line = curve.iter().map(|p| (p.step, p.value.expect("a number"))).collect();
    assert_eq!(kept, [expected]);
    assert_eq!(lines(&[], 300), Vec::<Line>::new());
    assert_eq!(lines(&wave(1), 300), [vec![(0, 0.0)]]);
}

#[test]
fn of_many_points_every_stretch_keeps_its_extremes() {
    let curve = wave(100_000);
    let kept = lines(&curve, 250);
    let [line] = kept.as_slice() else { panic!("{} lines", kept.len()) };
    assert!(line.len() <= 502, "{}", line.len());
    assert!(line.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!((line.first().map(|p| p.0), line.last().map(|p| p.0)), (Some(0), Some(99_999)));
    for stretch in curve.chunks(400) {
        let values = || stretch.iter().filter_map(|point| point.value);
        let range = values().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        let steps = stretch[0].step..stretch[0].step + 400;
        let kept = || line.iter().filter(|(step, _)| steps.contains(step)).map(|(_, v)| *v);
        let of_kept = kept().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        assert_eq!(range, of_kept, "steps {steps:?}");
    }
}

#[test]
fn a_single_spike_survives() {
    let mut curve = points((0..50_000).map(|step| (step, Some(1.0))));
    curve[31_234].value = Some(1e9);
    let kept = lines(&curve, 200);
    assert!(kept.concat().contains(&(31_234, 1e9)));
}

#[test]
fn nulls_break_the_line_and_a_lone_number_is_a_line() {
    let curve =
        points([(1, None), (2, Some(1.0)), (3, Some(2.0)), (4, None), (5, Some(3.0)), (6, None)]);
    assert_eq!(lines(&curve, 300), [vec![(2, 1.0), (3, 2.0)], vec![(5, 3.0)]]);
    let nothing = points((0..5000).map(|step| (step, None)));
    assert_eq!(lines(&nothing, 300), Vec::<Line>::new());
}

#[test]
fn in_a_thinned_curve_only_a_long_run_of_nulls_breaks_the_line() {
    let alternating = points((0..9000).map(|step| (step, (step % 2 == 0).then_some(1.0))));
    assert_eq!(lines(&alternating, 100).len(), 1);
    let hole = points((0..9000).map(|step| (step, (!(4000..5000).contains(&step)).then_some(1.0))));
    assert_eq!(lines(&hole, 100).len(), 2);
}

#[test]
fn a_long_stretch_without_a_point_is_a_gap_and_a_regular_one_is_not() {
    let two_phases = points((1..=50).chain(200..=250).map(|step| (step, Some(0.5))));
    assert_eq!(lines(&two_phases, 300).len(), 2);
    let now_and_then = points((0..20).map(|index| (index * 50, Some(0.5))));
    assert_eq!(lines(&now_and_then, 300).len(), 1);
    let long = points((1..=50_000).chain(80_000..=99_999).map(|step| (step, Some(0.5))));
    assert_eq!(lines(&long, 300).len(), 2);
}

#[test]
fn the_average_is_the_mean_of_the_neighbours() {
    let curve = points([(1, Some(1.0)), (2, Some(2.0)), (3, Some(6.0)), (4, None), (5, Some(8.0))]);
    let smooth: Vec<Option<f64>> = moving_average(&curve, 3).iter().map(|p| p.value).collect();
    assert_eq!(smooth, [Some(1.5), Some(3.0), Some(4.0), None, Some(8.0)]);
    let flat = moving_average(&points((0..100).map(|step| (step, Some(0.25)))), 31);
    assert!(flat.iter().all(|p| p.value == Some(0.25)));
    assert_eq!(moving_average(&[], 5), []);
}

#[test]
fn the_average_does_not_reach_over_a_gap() {
    let curve = points((1..=50).map(|s| (s, Some(0.0))).chain((500..550).map(|s| (s, Some(1.0)))));
    let smooth = moving_average(&curve, 21);
    assert!(smooth.iter().all(|p| p.value == Some(f64::from(u8::from(p.step >= 500)))));
}
