use std::collections::BTreeMap;

use super::*;
use crate::definitions;
use crate::run::{Band, Point, Sample, Split};

const EVIL: &str = "</script><script>alert('x')</script> & \"<b>\" <!-- 🎬 \u{0}\u{2028}";

fn curve(count: u64) -> Vec<Point> {
    let value = |step: u64| Some((step.wrapping_mul(2_654_435_761) % 1000) as f64 / 999.0);
    (0..count).map(|step| Point { step, value: value(step) }).collect()
}

fn run(count: u64) -> Run {
    let keys = definitions::ALL.iter().map(|definition| definition.key.to_owned());
    Run {
        name: "a run".to_owned(),
        curves: keys.map(|key| (key, curve(count))).collect(),
        phases: vec![Band { label: "sft".to_owned(), first: 0, last: count - 1 }],
        steps: Some((0, count - 1)),
        ..Run::default()
    }
}

/// The page without its style, script and data, where a `<` is no mark.
fn marks(page: &str) -> String {
    let mut rest = page;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("<script") {
        text += before;
        rest = after.split_once("</script>").expect("scripts end").1;
    }
    text + rest
}

#[test]
fn every_defined_metric_is_drawn_once() {
    let page = render(&run(10));
    for definition in definitions::ALL {
        let key = definition.key;
        assert_eq!(
            page.matches(&format!("role=\"tooltip\">{key}\n")).count(),
            1 + usize::from(is_headline(key)),
            "`{key}`"
        );
    }
    assert!(!page.contains("no definition of this key"));
}

#[test]
fn judges_share_the_picture_of_the_score() {
    let mut run = run(10);
    run.curves.retain(|key, _| key == "rollout/score_mean" || key == "eval/score_mean");
    let alone = render(&run);
    assert!(alone.contains("<h3>Score</h3>") && !alone.contains("Judge"), "{alone}");
    run.curves.insert("eval/judge/lexicon".to_owned(), curve(10));
    let page = render(&run);
    let figure = page.split("<figure").find(|figure| figure.contains("<h3>Score and judges</h3>"));
    let figure = figure.expect("a picture of both").split("</figure>").next().unwrap_or_default();
    for name in ["<span>Score</span>", "<span>Score, held out</span>", "<span>Judge lexicon</span>"]
    {
        assert!(figure.contains(name), "{name}: {figure}");
    }
    // Its colour in the legend, and its line.
    assert_eq!(figure.matches("<path class=\"curve s2\" d=").count(), 2, "{figure}");
    assert!(!page.contains("Further metrics"), "drawn twice");
}

fn is_headline(key: &str) -> bool {
    let keys =
        ["eval/score_mean", "eval/judge/NAME", "eval/ref_kl", "eval/distinct_2", "eval/sft_loss"];
    keys.contains(&key)
}

#[test]
fn nothing_in_the_files_can_leave_its_place() {
    let mut evil = run(3);
    evil.name = EVIL.to_owned();
    evil.curves.insert(format!("reward/{EVIL}"), curve(3));
    evil.curves.insert(EVIL.to_owned(), curve(3));
    evil.phases = vec![Band { label: EVIL.to_owned(), first: 0, last: 2 }];
    evil.config = Some(format!("# {EVIL}\n[{EVIL}]\nkey = \"{EVIL}\"\n{EVIL}"));
    evil.env.insert(EVIL.to_owned(), EVIL.into());
    evil.samples = [Split::Before, Split::After, Split::Train]
        .map(|split| Sample {
            step: 0,
            split,
            prompt: EVIL.to_owned(),
            response: EVIL.to_owned(),
            target: None,
            score: None,
            components: BTreeMap::from([(EVIL.to_owned(), None)]),
            judges: BTreeMap::from([(EVIL.to_owned(), Some(1.0))]),
        })
        .into();
    let (page, plain) = (render(&evil), render(&run(3)));
    assert!(!marks(&page).contains("<b>&quot;") && !page.contains("<script>alert"), "unescaped");
    assert!(
        page.contains("&lt;/script&gt;&lt;script&gt;alert(&#39;x&#39;)") && page.contains('🎬')
    );
    assert!(!page.contains('\u{0}'));
    let scripts = |page: &str| (page.matches("<script").count(), page.matches("</script>").count());
    let (opened, closed) = scripts(&page);
    assert_eq!(opened, closed);
    // One more picture with its data; the component joins the one that is there.
    assert_eq!(opened, scripts(&plain).0 + 1);
    assert!(!marks(&page).contains("<!--"));
}

#[test]
fn the_page_fetches_nothing() {
    let page = render(&run(10));
    for needle in ["src=", "url(", "@import", "fetch(", "<link", "<iframe", "XMLHttpRequest"] {
        assert!(!page.contains(needle), "{needle}");
    }
    for target in page.split("href=\"").skip(1) {
        assert!(target.starts_with('#'), "{}", &target[..40]);
    }
}

#[test]
fn a_hundred_thousand_steps_stay_small_and_the_page_is_the_same_twice() {
    let long = run(100_000);
    let page = render(&long);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert_eq!(page, render(&long));
}

#[test]
fn very_many_keys_stay_small_too() {
    let mut many = run(2000);
    for index in 0..400 {
        many.curves.insert(format!("own/{index}"), curve(2000));
    }
    let page = render(&many);
    assert!(page.len() < 2_500_000, "{} bytes", page.len());
    assert!(page.contains("more keys are in"));
}

#[test]
fn an_empty_run_says_so() {
    let page = render(&Run { name: "new".to_owned(), ..Run::default() });
    for sentence in
        ["No step has been recorded yet", "recorded no samples", "has no <code>config.toml"]
    {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(!page.contains("id=\"headline\""));
}

#[test]
fn a_page_comes_from_a_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let line = "{\"step\":1,\"phase\":\"sft\",\"time_s\":1,\"metrics\":{\"sft/loss\":2.5}}\n{\"st";
    std::fs::write(folder.path().join("metrics.jsonl"), line).expect("written");
    let page = page(folder.path()).expect("a page");
    assert!(page.contains("SFT loss") && page.contains("half line"), "{page}");
    assert!(crate::page(&folder.path().join("no")).is_err());
}
