//! The page in a real browser: curves are drawn, the crosshair works, the console stays empty.
//!
//! Needs Chromium, by the name in `HYBRID_CHROMIUM` or under one of its usual names; without it the
//! test says that it was skipped.

#![allow(clippy::expect_used, reason = "a helper that fails fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What the browser is asked, after the page's own script has run.
const QUESTIONS: &str = r#"<script>
  const figures = [...document.querySelectorAll("figure.chart")];
  const drawn = [...document.querySelectorAll(".plot path.curve")];
  const figure = figures[0], svg = figure.querySelector(".plot > svg"), box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width * 0.6, clientY: box.top + box.height / 2, bubbles: true }));
  const pointed = figure.querySelector(".reading").textContent;
  svg.dispatchEvent(new PointerEvent("pointerleave"));
  const hidden = !figure.querySelector(".reading").classList.contains("show");
  figure.focus();
  for (const key of ["Home", "ArrowRight"]) figure.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const answers = {
    figures: figures.length,
    curves: drawn.length,
    flat: drawn.filter((path) => path.getTotalLength() < 20).length,
    outside: drawn.filter((path) => { const b = path.getBBox(); return b.x < 0 || b.y < 0 || b.x + b.width > 400 || b.y + b.height > 196; }).length,
    crosses: document.querySelectorAll("line.cross").length,
    pointed, hidden,
    spoken: document.getElementById("live").textContent,
    scripts: document.querySelectorAll("script:not([type])").length,
    alerted: window.alerted === true,
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    prompt: document.querySelector(".prompt p").textContent,
  };
  const out = document.body.appendChild(document.createElement("pre"));
  out.id = "answers";
  out.textContent = encodeURIComponent(JSON.stringify(answers));
</script>"#;

const EVIL: &str = "</script><script>window.alerted = true</script> 🎬 <b>&amp;";

#[test]
fn a_browser_draws_the_page() {
    let Some(browser) = find_browser() else {
        eprintln!(
            "SKIPPED a_browser_draws_the_page: no Chromium found; install it, or name it in \
             HYBRID_CHROMIUM"
        );
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_run(folder.path());
    let page = hybrid_report::page(folder.path()).expect("a page");
    let asked = page.replace("</body>", &format!("{QUESTIONS}</body>"));
    for (name, text) in [("report.html", &page), ("asked.html", &asked)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    open(&browser, &folder.path().join("report.html"));
    let answers = answers(&open(&browser, &folder.path().join("asked.html")));

    // Ten keys: loss, held-out loss, score, two components, KL, and so on; the raw and the average
    // line of each that is long.
    assert_eq!(answers["figures"], 8, "{answers}");
    assert_eq!(answers["crosses"], 8, "{answers}");
    assert_eq!(answers["curves"], 19, "{answers}");
    for nothing in ["flat", "outside"] {
        assert_eq!(answers[nothing], 0, "{answers}");
    }
    let pointed = answers["pointed"].as_str().expect("text");
    // At 60 % of the drawing's 400 units, of which 46 to 388 are the 200 steps.
    assert!(pointed.contains("Step 113") && pointed.contains("2 hybrid"), "{pointed}");
    assert!(pointed.contains("Negative log-probability"), "{pointed}");
    assert_eq!(answers["hidden"], true, "{answers}");
    assert_eq!(
        answers["spoken"],
        "Step 1, 1 sft, SFT loss 2.995 nats/token, SFT loss, held out 2.9 nats/token"
    );
    // The page's own and the question; none from the sample.
    assert_eq!((&answers["scripts"], &answers["alerted"]), (&json!(2), &json!(false)));
    assert_eq!(answers["prompt"], EVIL);
    assert_eq!(answers["wide"], false, "the page is wider than the window");
}

fn find_browser() -> Option<String> {
    let named = std::env::var("HYBRID_CHROMIUM").ok();
    let names = named.into_iter().chain(NAMES.iter().map(|name| (*name).to_owned()));
    let works = |name: &String| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    names.into_iter().find(works)
}

/// Opens the page and returns its final content; fails on any word on the console.
fn open(browser: &str, page: &Path) -> String {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let Output { status, stdout, stderr } = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--enable-logging=stderr", "--window-size=1280,900", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let log = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{log}");
    let said: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(said.is_empty(), "{said:?}");
    String::from_utf8(stdout).expect("UTF-8")
}

fn answers(content: &str) -> Value {
    let (_, rest) = content.split_once("<pre id=\"answers\">").expect("the question ran");
    let (text, _) = rest.split_once("</pre>").expect("whole");
    serde_json::from_slice(&percent_decoded(text)).expect("JSON")
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("two digits"));
                let digits = str::from_utf8(&digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("hexadecimal")
            }
            other => other,
        });
    }
    decoded
}

fn write_run(folder: &Path) {
    let mut metrics = String::new();
    for step in 0..=200_u32 {
        let x = f64::from(step) / 200.0;
        let mut values = json!({});
        if step % 50 == 0 {
            values["eval/sft_loss"] = json!(2.9 - 0.5 * x);
            values["eval/score_mean"] = json!(0.4 + 0.4 * x);
        }
        if step > 0 {
            values["sft/loss"] = json!(3.0 - x);
            values["optim/lr"] = json!(2e-5 * (1.0 - x));
            values["optim/grad_norm"] = json!(1.0 + f64::from(step % 7));
        }
        if step > 80 {
            values["rollout/score_mean"] = json!(0.3 + 0.5 * x + f64::from(step % 3) / 50.0);
            values["rollout/ref_kl"] = if step % 40 == 0 { Value::Null } else { json!(9.0 * x) };
            values["reward/sentiment"] = json!(x);
            values["reward/style/length"] = json!(1.0 - x);
            values["ppo/approx_kl"] = json!(0.01 * x);
            values["own/number"] = json!((f64::from(step) / 9.0).sin());
        }
        let phase = usize::from(step > 80);
        let line = json!({ "step": step, "phase": phase, "time_s": step, "metrics": values });
        metrics += &format!("{line}\n");
    }
    let sample = |split: &str, step: u32| {
        let line = json!({ "step": step, "split": split, "prompt": EVIL, "response": EVIL, "score": 0.5, "components": { EVIL: null } });
        format!("{line}\n")
    };
    let config = "seed = 1\n[model]\nbase = \"tiny\"\n[[phase]]\nkind = \"sft\"\n[[phase]]\nkind = \"hybrid\"\n";
    let files = [
        ("metrics.jsonl", metrics),
        ("samples.jsonl", sample("before", 0) + &sample("after", 200)),
        ("config.toml", config.to_owned()),
        ("env.json", json!({ "device": "cpu", "version": "0" }).to_string()),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("written");
    }
}
