use super::*;
use crate::run::Band;

fn frame(last: u64) -> Frame {
    let band = Band { label: "sft".to_owned(), first: 0, last };
    Frame { steps: Axis::steps(0, last), bands: shades(&[band]), buckets: 300 }
}

fn curve(values: &[Option<f64>]) -> Vec<Point> {
    (0..).zip(values).map(|(step, value)| Point { step, value: *value }).collect()
}

/// The text between `start` and `end`, for each place where `start` occurs.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[test]
fn a_path_goes_through_the_points() {
    let points = curve(&[Some(0.0), Some(1.0), Some(0.5)]);
    let html = figure("T", &[("ppo/clip_fraction", &points)], true, &frame(2));
    let paths = between(&html, "<path class=\"curve s0\" d=\"", "\"");
    let path = paths.last().expect("drawn");
    let place: Vec<Vec<f64>> = path
        .split(['M', 'L'])
        .skip(1)
        .map(|pair| pair.split(' ').map(|n| n.parse().expect("a number")).collect())
        .collect();
    let area: Vec<f64> = between(&html, "data-area=\"", "\"")[0]
        .split(' ')
        .map(|n| n.parse().expect("a number"))
        .collect();
    let [left, top, right, bottom] = area.as_slice() else { panic!("{area:?}") };
    let middle = |a: &f64, b: &f64| (a + b) / 2.0;
    let expected = [[*left, *bottom], [middle(left, right), *top], [*right, middle(top, bottom)]];
    for (drawn, expected) in place.iter().zip(expected) {
        for (a, b) in drawn.iter().zip(expected) {
            assert!((a - b).abs() < 0.06, "{place:?}");
        }
    }
    assert_eq!(place.len(), 3);
}

#[test]
fn the_data_are_the_recorded_numbers() {
    let points = curve(&[Some(0.25), None, Some(-2.0)]);
    let html = figure("T", &[("my/own", &points)], true, &frame(2));
    let data: Value =
        serde_json::from_str(between(&html, "class=\"data\">", "</script>")[0]).expect("JSON");
    assert_eq!(data["series"][0]["steps"], json!([0, 2]));
    assert_eq!(data["series"][0]["values"], json!([0.25, -2.0]));
    assert!(html.contains("1 steps gave no number") && html.contains("no definition"), "{html}");
}

#[test]
fn without_a_number_there_is_no_picture() {
    assert_eq!(figure("T", &[("a/b", &curve(&[None, None]))], true, &frame(2)), "");
    assert_eq!(figure("T", &[], true, &frame(2)), "");
}

#[test]
fn long_noisy_curves_get_an_average_and_held_out_ones_dots() {
    let many: Vec<Option<f64>> = (0..200).map(|i| Some(f64::from(i % 7))).collect();
    let points = curve(&many);
    let html = figure("T", &[("sft/loss", &points)], true, &frame(199));
    assert_eq!(html.matches("curve raw").count(), 1);
    assert!(html.contains("centred mean over 9 recorded points"), "{html}");
    let html = figure("T", &[("sft/loss", &points)], false, &frame(199));
    assert_eq!(html.matches("curve raw").count(), 0);
    let few = curve(&[Some(1.0), Some(2.0)]);
    let html = figure("T", &[("eval/sft_loss", &few)], true, &frame(1));
    assert_eq!(html.matches("<circle").count(), 2);
}

#[test]
fn three_decades_make_a_logarithmic_axis() {
    assert!(value_axis(1e-3, 10.0, "1").is_log);
    assert!(!value_axis(1e-3, 0.5, "1").is_log);
    assert!(!value_axis(0.0, 1e9, "1").is_log);
    assert!(!value_axis(1e-9, 1.0, "share").is_log);
}

#[test]
fn extreme_numbers_stay_within_the_picture() {
    let points = curve(&[Some(f64::MAX), Some(f64::MIN), Some(5e-324), Some(0.0)]);
    let html = figure("T", &[("my/own", &points)], true, &frame(3));
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn a_component_is_named_by_the_reward() {
    assert_eq!(title_of("reward/style/bleu"), "style/bleu");
    assert_eq!(title_of("eval/reward/style/bleu"), "style/bleu, held out");
    assert_eq!(title_of("ppo/kl_coef"), "KL coefficient");
    assert_eq!(title_of("eval/judge/lexicon"), "Judge lexicon");
    assert_eq!(title_of("eval/accuracy/mood"), "Accuracy of mood");
    assert_eq!(title_of("my/own"), "my/own");
}
