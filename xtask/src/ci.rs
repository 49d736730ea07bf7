//! Everything a change must pass, cheapest first: `cargo xtask ci`.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};

use crate::workspace::{Features, PROFILE, Workspace, succeed};
use crate::{bench, examples, smoke, software, tidy};

#[cfg(test)]
mod tests;

/// One check of the list.
struct Step {
    name: &'static str,
    run: fn(&Context<'_>) -> Result<Outcome>,
}

/// The steps in the order in which they run.
const STEPS: &[Step] = &[
    Step { name: "fmt", run: fmt },
    Step { name: "tidy", run: |cx| done(tidy::run(cx.workspace)) },
    Step { name: "clippy", run: clippy },
    Step { name: "build", run: |cx| done(cx.workspace.build(&cx.features)) },
    Step { name: "test", run: test },
    Step { name: "smoke", run: |cx| done(smoke::run(cx.workspace, None)) },
    Step { name: "examples", run: run_examples },
    Step { name: "bench", run: |cx| done(bench::trial(cx.workspace, &cx.features)) },
    Step { name: "doc", run: doc },
    Step { name: "gpu", run: gpu },
    Step { name: "cuda", run: cuda },
];

/// The longest that a whole run may take. What compiles burn again comes last and is left out where
/// it would go beyond.
const BUDGET: Duration = minutes(70);

/// What the parity tests take on two cores that have compiled nothing for them.
const PARITY: Duration = minutes(25);

/// The same of the type check of CUDA.
const CUDA: Duration = minutes(8);

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// What every step may read.
struct Context<'a> {
    workspace: &'a Workspace,
    gpu: Option<&'a str>,
    features: Features,
    start: Instant,
}

/// How a step ended when it did not fail.
enum Outcome {
    Passed,
    Skipped(String),
}

/// One line of the closing table.
struct Row {
    name: &'static str,
    elapsed: Duration,
    result: &'static str,
}

/// Runs the steps until one fails; prints each one's name and, at the end, a table.
///
/// # Errors
///
/// The first failing step, by name.
pub(crate) fn run(workspace: &Workspace, gpu: Option<&str>) -> Result<()> {
    let start = Instant::now();
    let features = Features::with_backend(gpu);
    let cx = Context { workspace, gpu, features, start };
    let mut rows = Vec::new();
    let failure = STEPS.iter().find_map(|step| run_step(step, &cx, start, &mut rows).err());
    print_table(&rows, start.elapsed());
    let named = |result| rows.iter().filter(move |row| row.result == result).map(|row| row.name);
    let (passed, skipped) = (named(PASSED).count(), named(SKIPPED).collect::<Vec<_>>().join(", "));
    let failed = usize::from(failure.is_some());
    match (failed, skipped.as_str()) {
        (0, "") => println!("ci: every check passed"),
        (0, skipped) => println!("ci: every check that ran passed; SKIPPED: {skipped}"),
        _ => println!("ci: stopped at the first failure"),
    }
    println!("{passed} passed, {failed} failed");
    failure.map_or(Ok(()), Err)
}

const PASSED: &str = "pass";
const SKIPPED: &str = "skipped";

fn run_step(step: &Step, cx: &Context<'_>, start: Instant, rows: &mut Vec<Row>) -> Result<()> {
    println!("\n== {} (at {:.1} s)", step.name, start.elapsed().as_secs_f64());
    let begun = Instant::now();
    let outcome = (step.run)(cx);
    let result = match &outcome {
        Ok(Outcome::Passed) => PASSED,
        Ok(Outcome::Skipped(reason)) => {
            println!("SKIPPED {}: {reason}", step.name);
            SKIPPED
        }
        Err(_) => "FAIL",
    };
    rows.push(Row { name: step.name, elapsed: begun.elapsed(), result });
    outcome.map(|_| ()).map_err(|error: Error| error.context(format!("step `{}`", step.name)))
}

fn print_table(rows: &[Row], total: Duration) {
    println!("\n{:<10} {:>9}  result", "step", "seconds");
    for Row { name, elapsed, result } in rows {
        println!("{name:<10} {:>9.1}  {result}", elapsed.as_secs_f64());
    }
    println!("{:<10} {:>9.1}\n", "total", total.as_secs_f64());
}

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn fmt(cx: &Context<'_>) -> Result<Outcome> {
    done(cx.workspace.cargo(&["fmt", "--all", "--check"]))
}

fn clippy(cx: &Context<'_>) -> Result<Outcome> {
    let base = ["clippy", "--workspace", "--all-targets", "--profile", PROFILE];
    let mut args = cx.features.args(&base);
    args.extend(["--", "-D", "warnings"].map(str::to_owned));
    done(cx.workspace.cargo(&args))
}

fn test(cx: &Context<'_>) -> Result<Outcome> {
    done(cx.workspace.cargo(&cx.features.args(&["test", "--workspace", "--profile", PROFILE])))
}

fn run_examples(cx: &Context<'_>) -> Result<Outcome> {
    match examples::run(cx.workspace)? {
        0 => Ok(Outcome::Skipped("no example is registered yet".to_owned())),
        _ => Ok(Outcome::Passed),
    }
}

fn doc(cx: &Context<'_>) -> Result<Outcome> {
    let base = ["doc", "--workspace", "--no-deps", "--profile", PROFILE];
    let mut cargo = cx.workspace.cargo_command();
    cargo.args(cx.features.args(&base)).env("RUSTDOCFLAGS", "-D warnings");
    done(succeed(&mut cargo))
}

fn gpu(cx: &Context<'_>) -> Result<Outcome> {
    match cx.gpu {
        None => in_time(cx, "the parity tests on a software device", PARITY, software::parity),
        Some(backend) => smoke::run(cx.workspace, Some(backend))
            .map_err(|error| anyhow!("the smoke test does not pass on {backend}: {error:#}"))
            .map(|()| Outcome::Passed),
    }
}

fn cuda(cx: &Context<'_>) -> Result<Outcome> {
    if let Some(backend) = cx.gpu {
        return Ok(Outcome::Skipped(format!("`--gpu={backend}` compiles another backend")));
    }
    in_time(cx, "the type check of the CUDA backend", CUDA, software::cuda)
}

/// Does `work` where as much of the budget is left as it takes.
fn in_time(
    cx: &Context<'_>,
    what: &str,
    takes: Duration,
    work: fn(&Workspace, Instant) -> Result<software::Outcome>,
) -> Result<Outcome> {
    if let Some(reason) = too_late(what, cx.start.elapsed(), takes) {
        return Ok(Outcome::Skipped(reason));
    }
    Ok(match work(cx.workspace, cx.start + BUDGET)? {
        software::Outcome::Passed => Outcome::Passed,
        software::Outcome::Skipped(reason) => Outcome::Skipped(format!("{what}: {reason}")),
    })
}

/// Why work that takes so long is not begun after `elapsed`; `None` where it is.
fn too_late(what: &str, elapsed: Duration, takes: Duration) -> Option<String> {
    (elapsed + takes > BUDGET).then(|| {
        let [elapsed, takes, budget] = [elapsed, takes, BUDGET].map(|time| time.as_secs() / 60);
        format!(
            "{what}: {elapsed} of {budget} minutes are gone, and it may take {takes}; run \
             `cargo xtask software`"
        )
    })
}
