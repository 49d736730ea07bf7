use hybrid_testing::fixtures::golden_json;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tagging::Entity;
use crate::tests::fixtures::{assert_near, flags, ids, list, names, numbers};

/// Largest difference of f64 metrics from scikit-learn's and seqeval's.
const SAME: f64 = 1e-9;

fn cases(of: &str) -> Vec<Value> {
    list(&golden_json("heads.json")[of])
}

/// Precision, recall and F1 as a list.
fn flat(scores: &Scores) -> [f64; 3] {
    [scores.precision, scores.recall, scores.f1]
}

#[track_caller]
fn assert_averages(found: &Averages, expected: &Value, what: &str) {
    let parts = [("macro", found.by_class), ("micro", found.pooled), ("weighted", found.weighted)];
    for (key, scores) in parts {
        assert_near(&flat(&scores), &numbers(&expected[key]), SAME, &format!("{what} {key}"));
    }
}

/// Both are absent, or equal.
#[track_caller]
fn assert_same(found: Option<f64>, expected: &Value, what: &str) {
    assert_eq!(found.is_some(), expected.is_number(), "{what}: {found:?} {expected}");
    if let (Some(found), Some(expected)) = (found, expected.as_f64()) {
        assert_near(&[found], &[expected], SAME, what);
    }
}

#[test]
fn classes_are_scored_as_scikit_learn_does() {
    for case in cases("classes") {
        let name = case["name"].as_str().unwrap();
        let (predicted, actual) = (ids(&case["predicted"]), ids(&case["actual"]));
        let classes = case["classes"].as_u64().unwrap() as usize;
        let found = Confusion::new(&predicted, &actual, classes).unwrap();
        let cells: Vec<usize> =
            (0..classes * classes).map(|i| found.count(i / classes, i % classes)).collect();
        assert_eq!(cells, list(&case["confusion"]).iter().flat_map(ids).collect::<Vec<_>>());
        assert_same(found.accuracy().map(|it| it.value), &case["accuracy"], name);
        assert_same(found.balanced_accuracy(), &case["balanced_accuracy"], name);
        assert_same(Some(found.mcc()), &case["mcc"], name);
        assert_averages(&found.averages(), &case, name);
        let each: Vec<f64> =
            found.counts().iter().flat_map(|counts| flat(&counts.scores())).collect();
        assert_near(&each, &numbers(&case["each"]), SAME, name);
    }
}

proptest! {
    /// Every threshold is tried, by what it means.
    #[test]
    fn no_threshold_of_no_answer_is_better(
        rows in prop::collection::vec((-6..6_i32, 0..4_u32, any::<bool>(), 0..9_u32), 1..12),
    ) {
        let questions: Vec<Doubt> = rows
            .iter()
            .map(|(margin, f1, has_answer, kind)| Doubt {
                margin: if *kind == 0 { f64::INFINITY } else { f64::from(*margin) / 2.0 },
                answered: if *has_answer { f64::from(*f1) / 3.0 } else { 0.0 },
                silent: f64::from(u8::from(!has_answer)),
            })
            .collect();
        let f1 = |above: f64| {
            let of = |it: &Doubt| if it.margin > above { it.silent } else { it.answered };
            questions.iter().map(of).sum::<f64>() / questions.len() as f64
        };
        let found = NoneThreshold::best(&questions).unwrap();
        let tried = (-40..40).map(|step| f1(f64::from(step) / 8.0));
        let best = tried.fold(f64::NEG_INFINITY, f64::max);
        prop_assert!((found.f1 - best).abs() < 1e-9, "{found:?}, {best} is possible");
        prop_assert!((f1(found.none_above) - best).abs() < 1e-9, "{found:?}");
        if (f1(0.0) - best).abs() < 1e-9 {
            prop_assert!(found.none_above == 0.0, "{found:?}");
        }
    }
}

#[test]
fn a_threshold_lies_between_what_is_answered_and_what_is_not() {
    let question = |margin, has_answer: bool| Doubt {
        margin,
        answered: f64::from(u8::from(has_answer)),
        silent: f64::from(u8::from(!has_answer)),
    };
    let best = |rows: &[Doubt]| NoneThreshold::best(rows).unwrap();
    let found = best(&[question(5.0, false), question(2.0, true), question(1.0, true)]);
    assert_eq!(found, NoneThreshold { none_above: 3.5, f1: 1.0 });
    // Zero where it is as good.
    let untuned = NoneThreshold { none_above: 0.0, f1: 1.0 };
    assert_eq!(best(&[question(5.0, false), question(-2.0, true)]), untuned);
    // Neither end is open.
    let answered = NoneThreshold { none_above: 3.0, f1: 1.0 };
    assert_eq!(best(&[question(3.0, true)]), answered);
    let silent = best(&[question(-3.0, false)]);
    assert!(silent.none_above < -3.0 && silent.none_above.is_finite());
    assert!((silent.f1 - 1.0).abs() < 1e-12);
    assert_eq!(NoneThreshold::best(&[]), None);
}

#[test]
fn labels_are_scored_as_scikit_learn_does() {
    for case in cases("labels") {
        let predicted = flags(&case["predicted"]);
        let actual: Vec<Option<bool>> = list(&case["actual"]).iter().map(Value::as_bool).collect();
        let labels = case["labels"].as_u64().unwrap() as usize;
        let counts = label_counts(&predicted, &actual, labels).unwrap();
        assert_averages(&Averages::of(&counts), &case, "labels");
        let subset = subset_accuracy(&predicted, &actual, labels).unwrap();
        assert_same(subset.map(|it| it.value), &case["subset_accuracy"], "subset");
    }
    assert!(label_counts(&[true; 3], &[None; 3], 2).is_err());
    assert_eq!(subset_accuracy(&[true; 2], &[None; 2], 2).unwrap(), None);
}

#[test]
fn rankings_are_scored_as_scikit_learn_does() {
    for case in cases("ranking") {
        let (scores, labels) = (numbers(&case["scores"]), flags(&case["labels"]));
        assert_same(auc(&scores, &labels).map(|it| it.value), &case["auc"], "auc");
        assert_same(average_precision(&scores, &labels), &case["average_precision"], "ap");
    }
    for case in cases("ranking_classes") {
        let (scores, actual) = (numbers(&case["scores"]), ids(&case["actual"]));
        let classes = case["classes"].as_u64().unwrap() as usize;
        assert_same(auc_one_vs_rest(&scores, &actual, classes), &case["auc"], "one vs rest");
    }
    assert_eq!(average_precision(&[f64::NAN, 0.0], &[true, false]), None);
    assert_eq!(average_precision(&[0.0], &[true, false]), None);
    assert_eq!(average_precision(&[0.0, -0.0], &[false, true]), Some(0.5));
    assert_eq!(auc_one_vs_rest(&[0.0; 5], &[0, 1], 2), None);
}

#[test]
fn numbers_are_scored_as_scikit_learn_and_scipy_do() {
    for case in cases("regression") {
        let (predicted, actual) = (numbers(&case["predicted"]), numbers(&case["actual"]));
        let found = RegressionScores::new(&predicted, &actual).unwrap();
        for (value, key) in [
            (Some(found.mse), "mse"),
            (Some(found.mae), "mae"),
            (found.r2, "r2"),
            (found.pearson, "pearson"),
            (found.spearman, "spearman"),
        ] {
            assert_same(value, &case[key], key);
        }
        let (low, high) = (&case["pearson_low"], &case["pearson_high"]);
        assert_same(found.pearson_interval.map(|it| it.low), low, "low");
        assert_same(found.pearson_interval.map(|it| it.high), high, "high");
    }
    assert!(RegressionScores::new(&[], &[]).is_err());
    assert!(RegressionScores::new(&[f64::NAN], &[0.0]).is_err());
    assert!(RegressionScores::new(&[0.0], &[f64::INFINITY]).is_err());
}

#[test]
fn entities_are_scored_as_seqeval_does() {
    let golden = golden_json("heads.json");
    for case in list(&golden["entities"]["scores"]) {
        let texts = |key: &str| -> Vec<Vec<Entity>> {
            list(&case[key])
                .into_iter()
                .map(|entities| serde_json::from_value(entities).unwrap())
                .collect()
        };
        let counts = entity_counts(&texts("predicted"), &texts("actual")).unwrap();
        assert_averages(&Averages::of(counts.values()), &case, "entities");
        let kinds: Vec<&String> = counts.keys().collect();
        assert_eq!(kinds, names(&case["kinds"]).iter().collect::<Vec<_>>());
        let each: Vec<f64> = counts.values().flat_map(|counts| flat(&counts.scores())).collect();
        assert_near(&each, &numbers(&case["each"]), SAME, "each kind");
    }
    assert!(entity_counts(&[Vec::new()], &[]).is_err());
}

#[test]
fn answers_are_scored_as_squad_2_does() {
    let golden = golden_json("heads.json");
    let rows = list(&golden["answers"]["rows"]);
    let mut predicted = Vec::new();
    let mut answers = Vec::new();
    for row in &rows {
        let (own, gold) = (row["predicted"].as_str().unwrap(), names(&row["answers"]));
        let (exact, f1) = score_answer(own, &gold);
        assert_eq!(exact, row["exact"].as_f64() == Some(1.0), "{row}");
        assert_same(Some(f1), &row["f1"], own);
        predicted.push(own);
        answers.push(gold);
    }
    let found = AnswerScores::new(&predicted, &answers).unwrap();
    let parts =
        [("all", found.all), ("with", found.with_answer), ("without", found.without_answer)];
    for (key, share) in parts {
        let (share, expected) = (share.unwrap(), &golden["answers"][key]);
        assert_near(&[share.exact.value, share.f1], &numbers(expected), SAME, key);
    }
    let none = AnswerScores::new(&[] as &[&str], &[] as &[Vec<&str>]).unwrap();
    assert_eq!(none, AnswerScores { all: None, with_answer: None, without_answer: None });
}

#[test]
fn calibration_errors_follow_from_their_definition() {
    for case in cases("calibration") {
        let (confidence, right) = (numbers(&case["confidence"]), flags(&case["right"]));
        let bins = case["bins"].as_u64().unwrap() as usize;
        let found = Calibration::new(&confidence, &right, bins).unwrap();
        assert_eq!(found.bins.len(), bins);
        assert_eq!(found.bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), ids(&case["rows"]));
        assert_same(found.expected_error(), &case["expected_error"], "expected");
        assert_same(found.largest_error(), &case["largest_error"], "largest");
    }
    let refused = |p| Calibration::new(&[p], &[true], 5).is_err();
    assert!(refused(f64::NAN) && refused(1.1) && !refused(1.0));
    assert!(Calibration::new(&[0.5], &[true], 0).is_err());
}

#[test]
fn a_tie_is_no_preference() {
    let found = preference_accuracy(&[1.0, 0.0, 2.0, 3.0], &[0.0, 0.0, 3.0, -1.0]).unwrap();
    assert!((found.value - 0.5).abs() < 1e-12 && found.low < 0.5 && found.high > 0.5);
    assert_eq!(preference_accuracy(&[], &[]), None);
    assert_eq!(preference_accuracy(&[f64::NAN], &[0.0]), None);
    assert_eq!(preference_accuracy(&[1.0], &[]), None);
}

#[test]
fn matrices_add_up_and_refuse_what_is_no_class() {
    let mut first = Confusion::new(&[0, 1], &[0, 0], 2).unwrap();
    first.add(&Confusion::new(&[1], &[1], 2).unwrap()).unwrap();
    assert_eq!(first, Confusion::new(&[0, 1, 1], &[0, 0, 1], 2).unwrap());
    assert_near(&[first.share(0, 1), first.share(1, 0)], &[0.5, 0.0], 0.0, "shares");
    assert!(first.add(&Confusion::new(&[], &[], 3).unwrap()).is_err());
    assert!(Confusion::new(&[2], &[0], 2).is_err() && Confusion::new(&[0], &[2], 2).is_err());
    assert!(Confusion::new(&[0], &[], 2).is_err() && Confusion::new(&[], &[], 0).is_err());
}
