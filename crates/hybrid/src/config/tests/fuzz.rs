//! No text makes the reader panic.

use proptest::prelude::*;

use super::*;

/// A line of the example, or nearly, or a key with a value of some type.
fn almost_line() -> impl Strategy<Value = String> {
    let keys = vec![
        "seed",
        "model",
        "model.init.layers",
        "model.init.heads",
        "data.train",
        "train.micro_batch",
        "train.max_length",
        "rollout.samples",
        "rollout.batch_size",
        "ppo.minibatch_size",
        "ppo.reference",
        "optim.total_steps",
        "reward",
        "phase",
        "eval.temperature",
        "output.merge_ema",
        "LRATE",
        "[phase]",
        "[[phase]]\nkind = \"hybrid\"\ncycles",
        "curriculum",
        "mix",
        "",
    ];
    let values = prop_oneof![
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "(?s)[{}a\\[(*\"\\\\\n]{0,6}".prop_map(|text| format!("'''{text}'''")),
        prop::sample::select(vec![
            "true",
            "[]",
            "{}",
            "1979-05-27",
            "[1]",
            "nan",
            "{ from = [0, 9223372036854775807], to = [1, 1] }",
            "{ sft_coef = { from = 1, to = 2, kind = \"exponential\" } }",
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        prop::sample::select(EXAMPLE.lines().collect::<Vec<_>>()).prop_map(str::to_owned),
        (prop::sample::select(keys), values).prop_map(|(key, value)| format!("{key} = {value}")),
        "(?s).{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_table_makes_the_reader_panic(
        lines in prop::collection::vec(almost_line(), 0..8),
        change in "(?s)[a-z.\\[\\]0-9]{0,12}=?.{0,8}",
    ) {
        let text = lines.join("\n");
        for text in [text.clone(), format!("{SMALL}{text}"), format!("{{{text}")] {
            match read(&text) {
                Ok(config) => {
                    let _ = (config.total_steps(), config.total_episodes());
                    let written = config.effective().expect("TOML");
                    prop_assert_eq!(good(&written), config);
                }
                Err(error) => prop_assert!(error.is_bad_input()),
            }
        }
        if let Err(error) = with_overrides(SMALL, &[&change]) {
            prop_assert!(error.is_bad_input());
        }
    }

    #[test]
    fn a_phase_of_any_length_adds_up(cycles in 1_usize..100_000_000, steps in 1_usize..1_000_000) {
        let text = format!(
            "model.base = \"m\"\ndata.train = \"d\"\n\
             phase = [{{ kind = \"sft\", steps = {steps} }}, {{ kind = \"sft\", steps = {cycles} }}]"
        );
        prop_assert_eq!(good(&text).total_steps(), cycles + steps);
    }
}
