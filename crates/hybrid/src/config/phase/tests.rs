use super::*;

fn phase(text: &str) -> PhaseConfig {
    toml::from_str(text).expect("a phase")
}

fn wrong(text: &str) -> String {
    phase(text).validate("phase[0]").expect_err("a mistake").text
}

#[test]
fn a_plan_has_its_defaults_filled_in() {
    assert_eq!(phase("kind = \"sft\"\nsteps = 3").plan(), PhasePlan::Sft { steps: 3 });
    assert_eq!(phase("kind = \"ppo\"\nsteps = 3").plan(), PhasePlan::Ppo { steps: 3 });
    let fixed = |sft, ppo| CycleSteps::Fixed { sft, ppo };
    let plan = |text: &str| match phase(&format!("kind = \"hybrid\"\ncycles = 5\n{text}")).plan() {
        PhasePlan::Hybrid { cycles: 5, steps, heads: 0, mix } => (steps, mix.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(plan(""), (fixed(1, 1), false));
    assert_eq!(plan("sft_steps = 3\nppo_steps = 0"), (fixed(3, 0), false));
    assert_eq!(plan("mix = { sft_coef = 0.1 }"), (fixed(0, 1), true));
    assert_eq!(plan("mix = { sft_coef = 0.1 }\nsft_steps = 2"), (fixed(2, 1), true));
    let heads = phase("kind = \"hybrid\"\ncycles = 2\nheads_steps = 3").plan();
    let expected = PhasePlan::Hybrid { cycles: 2, steps: fixed(0, 1), heads: 3, mix: None };
    assert_eq!(heads, expected);
    assert_eq!(phase("kind = \"heads\"\nsteps = 3").plan(), PhasePlan::Heads { steps: 3 });
}

#[test]
fn steps_add_up() {
    let check = |text: &str, steps, updates| {
        let phase = phase(text);
        phase.validate("phase[0]").expect("a good phase");
        assert_eq!((phase.total_steps(), phase.ppo_updates()), (steps, updates), "{text}");
    };
    check("kind = \"sft\"\nsteps = 3", 3, 0);
    check("kind = \"ppo\"\nsteps = 3", 3, 3);
    check("kind = \"hybrid\"\ncycles = 5\nsft_steps = 2\nppo_steps = 3", 25, 15);
    check("kind = \"hybrid\"\ncycles = 5\nmix = { sft_coef = 1 }", 5, 5);
    check("kind = \"heads\"\nsteps = 3", 3, 0);
    check("kind = \"hybrid\"\ncycles = 5\nsft_steps = 2\nheads_steps = 4", 35, 5);
    check("kind = \"hybrid\"\ncycles = 5\nheads_steps = 1\nppo_steps = 0", 5, 0);
    // (4, 1), (3, 1), (2, 2), (1, 2), (0, 2).
    let curriculum = "kind = \"hybrid\"\ncycles = 5\ncurriculum = { from = [4, 1], to = [0, 2]";
    check(&format!("{curriculum} }}"), 18, 8);
    let by = "by = { metric = \"eval/score_mean\", from = 0, to = 1 }";
    check(&format!("{curriculum}, {by} }}"), 5 * (4 + 2), 10);
}

#[test]
fn measured_progress_chooses_the_steps_of_a_cycle() {
    let text = "kind = \"hybrid\"\ncycles = 5\ncurriculum = { from = [4, 1], to = [0, 2], \
                by = { metric = \"eval/score_mean\", from = 0, to = 1 } }";
    let PhasePlan::Hybrid { steps, .. } = phase(text).plan() else { panic!("not hybrid") };
    assert_eq!(steps.of_cycle(4, 5, 0.0), (4, 1));
    assert_eq!(steps.of_cycle(0, 5, 1.0), (0, 2));
}

#[test]
fn keys_of_another_kind_are_refused() {
    insta::assert_snapshot!(wrong("kind = \"sft\"\nsteps = 3\ncycles = 2"), @"`phase[0].cycles` belongs to phases of kind `hybrid`, this one is `sft`: remove it; the length of this phase is `steps`");
    insta::assert_snapshot!(wrong("kind = \"hybrid\"\nsteps = 3"), @"`phase[0].steps` belongs to phases of kind `sft`, `ppo` and `heads`, this one is `hybrid`: remove it; the length of this phase is `cycles`");
    insta::assert_snapshot!(wrong("kind = \"sft\"\nsteps = 3\nreference = \"run_start\""), @"`phase[0].reference` belongs to phases of kind `ppo` and `hybrid`, this one is `sft`: remove it; the length of this phase is `steps`");
    insta::assert_snapshot!(wrong("kind = \"heads\"\nsteps = 3\nheads_steps = 2"), @"`phase[0].heads_steps` belongs to phases of kind `hybrid`, this one is `heads`: remove it; the length of this phase is `steps`");
    insta::assert_snapshot!(wrong("kind = \"ppo\"\nsteps = 3\nmix = { sft_coef = 1 }"), @"`phase[0].mix` belongs to phases of kind `hybrid`, this one is `ppo`: remove it; the length of this phase is `steps`");
    insta::assert_snapshot!(
        wrong("kind = \"hybrid\"\ncycles = 3\nsft_steps = 1\ncurriculum = { from = [1, 1], to = [0, 1] }"),
        @"`phase[0].sft_steps` and `phase[0].curriculum` cannot be used together: the curriculum says how many steps a cycle has; remove one");
}

#[test]
fn phases_without_work_are_refused() {
    insta::assert_snapshot!(wrong("kind = \"sft\""), @"`phase[0]` lacks `steps`: say how long the phase is");
    insta::assert_snapshot!(wrong("kind = \"hybrid\""), @"`phase[0]` lacks `cycles`: say how long the phase is");
    insta::assert_snapshot!(wrong("kind = \"ppo\"\nsteps = 0"), @"`phase[0].steps` is 0, must be at least 1");
    insta::assert_snapshot!(wrong("kind = \"sft\"\nsteps = 100000001"), @"`phase[0].steps` is 100000001, must be at most 100000000");
    insta::assert_snapshot!(wrong("kind = \"hybrid\"\ncycles = 3\nsft_steps = 0\nppo_steps = 0"), @"`phase[0]` has no SFT, heads or PPO steps in its cycles; give one of them");
    insta::assert_snapshot!(
        wrong("kind = \"hybrid\"\ncycles = 3\nppo_steps = 0\nmix = { sft_coef = 1 }"), @"`phase[0].mix` adds the SFT loss to PPO updates, but the phase has none");
    insta::assert_snapshot!(wrong("kind = \"hybrid\"\ncycles = 3\nmix = { sft_coef = 0 }"), @"`phase[0].mix.sft_coef` is 0, must be above 0 somewhere; remove `mix` to train without it");
    insta::assert_snapshot!(
        wrong("kind = \"hybrid\"\ncycles = 3\nmix = { sft_coef = 1, sft_batch = 0 }"), @"`phase[0].mix.sft_batch` is 0, must be at least 1");
    insta::assert_snapshot!(wrong("kind = \"ppo\"\nsteps = 3\nreference = \"\""), @r#"`phase[0].reference` is a blank name, must be "phase_start", "run_start" or a model"#);
}
