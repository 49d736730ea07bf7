"""Speed of `transformers` at inference: prefill, decoding, log-probabilities, to stand beside ours.

    pip install torch transformers
    python reference/bench/generate.py --case decode-b8/gpt2-small --threads 2

The case is one of `benches/cases.json`. Random weights, float32, greedy, no end-of-sequence id, so that every run does the same
work. `prefill`: one forward pass whose logits are kept for the last position, as generation does. `decode`: `generate` less the
time of its prompt (a run with one new token); `generate`: all of it. `logprobs`: the log-probability of every token but
the first, from `cross_entropy` on the logits. Prints one JSON line: the median in seconds, all repetitions, peak memory.
"""

import cases


def measure_of(case, model):
    """Tokens of a repetition, and what measures one."""
    import torch
    from transformers import DynamicCache

    ids = cases.ids_of(case, case["rows"])
    rows, new = case["rows"], case["new"]

    def prefill():
        return cases.seconds(lambda: model(input_ids=ids, logits_to_keep=1, use_cache=True, past_key_values=DynamicCache()))

    def logprobs():
        def work():
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")

        return cases.seconds(work)

    def through(count):
        options = {"do_sample": False, "max_new_tokens": count, "min_new_tokens": count, "pad_token_id": 0}
        return cases.seconds(lambda: model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **options))

    return {
        "prefill": (ids.numel(), prefill),
        "logprobs": (ids.numel(), logprobs),
        "generate": (rows * new, lambda: through(new)),
        "decode": (rows * (new - 1), lambda: -through(1) + through(new)),
    }[case["work"]]


def main():
    options, case = cases.arguments(__doc__, ["transformers", "torch"])
    try:
        import torch
        import transformers
    except ImportError as error:
        cases.absent(error)
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    with torch.inference_mode():
        tokens, measure = measure_of(case, cases.model_of(case).eval())
        cases.report(case, cases.versions(transformers, torch), cases.repeated(case, measure), tokens)


if __name__ == "__main__":
    main()
