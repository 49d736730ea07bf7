"""Speed of a supervised step in PyTorch and in TRL, to stand beside ours.

    pip install torch transformers accelerate datasets
    pip install --no-deps --target DIR trl==1.12.0
    python reference/bench/sft.py --case sft/gpt2-5.5m --peer torch --threads 2
    PYTHONPATH=DIR python reference/bench/sft.py --case sft/gpt2-5.5m --peer trl --threads 2
    PYTHONPATH=DIR python reference/bench/sft.py --case start/gpt2-5.5m --peer trl --started $(date +%s.%N)

The case is one of `benches/cases.json`: a model with random weights, float32, no dropout, AdamW, every token of every row
counts. `torch` is an eager loop with `torch.optim.AdamW` as it is by default, `torch-fused` the same with `fused=True`; `trl` is
`SFTTrainer`, timed from `on_step_begin` to `on_step_end`, without loading its batch. `start`: from the start of the process, which
`--started` gives, to the end of the first step. Prints one JSON line: the median in seconds, all steps, peak memory.
"""

import tempfile
import time

import cases


def eager(case, fused):
    """Seconds of every step that counts."""
    import torch

    model = cases.model_of(case).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01, fused=fused or None)

    def step():
        ids = cases.ids_of(case, case["rows"])

        def work():
            optimizer.zero_grad(set_to_none=True)
            model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
            optimizer.step()

        return cases.seconds(work)

    return cases.repeated(case, step)


def supervised(case, started):
    """As `eager`, by TRL; with `started`, seconds from then to the end of the first step."""
    import datasets
    import transformers
    import trl

    datasets.disable_progress_bars()
    taken = []

    class Clock(transformers.TrainerCallback):
        def on_step_begin(self, *_, **__):
            self.begun = time.perf_counter()

        def on_step_end(self, args, state, control, **_):
            taken.append(time.time() - started if started else time.perf_counter() - self.begun)
            control.should_training_stop = bool(started)

    warm_up = 0 if started else case["warm_up"]
    steps = warm_up + case["repetitions"]
    rows = cases.ids_of(case, case["rows"] * steps, first=2).tolist()
    with tempfile.TemporaryDirectory() as folder:
        options = trl.SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=case["rows"],
            max_steps=steps,
            max_length=case["length"],
            learning_rate=1e-5,
            weight_decay=0.01,
            gradient_checkpointing=False,
            packing=False,
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        trainer = trl.SFTTrainer(
            model=cases.model_of(case, bos_token_id=1, eos_token_id=1, pad_token_id=0),
            args=options,
            train_dataset=datasets.Dataset.from_dict({"input_ids": rows}),
            processing_class=cases.tokenizer_of(case),
            callbacks=[Clock()],
        )
        # Its own report of every step goes to standard output, where only our line belongs.
        trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
        trainer.train()
    return taken[warm_up:]


def main():
    options, case = cases.arguments(__doc__, ["torch", "torch-fused", "trl"])
    try:
        import torch
        import transformers

        modules = [transformers, torch]
        if options.peer == "trl":
            import accelerate  # noqa: F401
            import datasets  # noqa: F401
            import trl

            modules.insert(0, trl)
    except ImportError as error:
        cases.absent(error)
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    started = options.started if case["work"] == "start" else None
    if case["work"] == "start" and (options.peer != "trl" or started is None):
        raise SystemExit("`start` needs `--peer trl` and `--started $(date +%s.%N)`")
    runs = supervised(case, started) if options.peer == "trl" else eager(case, options.peer == "torch-fused")
    cases.report(case, cases.versions(*modules), runs, case["rows"] * case["length"])


if __name__ == "__main__":
    main()
