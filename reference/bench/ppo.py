"""Speed of a PPO update in TRL 1.12, the last with a PPO trainer that was found, to stand beside ours.

    pip install torch transformers accelerate datasets
    pip install --no-deps --target DIR trl==1.12.0
    PYTHONPATH=DIR python reference/bench/ppo.py --case ppo/gpt2-5.5m --threads 2

The case is one of `benches/cases.json`: random weights, float32, one minibatch of all rows, sampling at temperature 1 without an
end token. Policy, reference, value and reward model are four networks of the same size, as that trainer has them; our
`ppo-shared` cases, which do less work, stand beside the same update. An update lasts from one line of the trainer's log to the next:
rollout, scores, all epochs, statistics. Prints one JSON line: the median in seconds, all updates, peak memory.
"""

import contextlib
import sys
import tempfile
import time

import cases


def updates(case):
    """Seconds of every update that counts."""
    import datasets
    import torch
    import transformers
    from transformers import AutoModelForSequenceClassification
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    ids = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    policy, reference = cases.model_of(case, **ids), cases.model_of(case, **ids)
    reference.load_state_dict(policy.state_dict())
    scoring = cases.config_of(case, num_labels=1, **ids)
    value = AutoModelForSequenceClassification.from_config(scoring, dtype=torch.float32)
    reward = AutoModelForSequenceClassification.from_config(scoring, dtype=torch.float32)
    rows, count = case["rows"], case["warm_up"] + case["repetitions"]
    prompts = cases.ids_of(case, rows * (count + 1), first=2).tolist()
    with tempfile.TemporaryDirectory() as folder:
        options = PPOConfig(
            output_dir=folder,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=1,
            num_mini_batches=1,
            num_ppo_epochs=case["epochs"],
            total_episodes=rows * count,
            local_rollout_forward_batch_size=rows,
            response_length=case["new"],
            temperature=1.0,
            learning_rate=1e-5,
            stop_token=None,
            missing_eos_penalty=None,
            num_sample_generations=0,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            disable_tqdm=True,
        )
        trainer = PPOTrainer(
            args=options,
            processing_class=cases.tokenizer_of(case, side="left"),
            model=policy,
            ref_model=reference,
            reward_model=reward,
            value_model=value,
            train_dataset=datasets.Dataset.from_dict({"input_ids": prompts}),
            eval_dataset=None,
        )
        trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
        marks = []
        log = trainer.log

        def marked(*arguments, **named):
            marks.append(time.perf_counter())
            return log(*arguments, **named)

        trainer.log = marked
        marks.append(time.perf_counter())
        trainer.train()
    taken = [after - before for before, after in zip(marks, marks[1:])]
    return taken[case["warm_up"] : count]


def main():
    options, case = cases.arguments(__doc__, ["trl"])
    try:
        import accelerate  # noqa: F401
        import datasets
        import torch
        import transformers
        import trl
        import trl.experimental.ppo  # noqa: F401
    except ImportError as error:
        cases.absent(error)
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    # The trainer prints; only our line belongs on standard output.
    with contextlib.redirect_stdout(sys.stderr):
        runs = updates(case)
    cases.report(case, cases.versions(trl, transformers, torch), runs, case["rows"] * case["new"])


if __name__ == "__main__":
    main()
