"""Writes `golden/chat.json`: what `apply_chat_template` makes of ten conversations under four chat templates.

    pip install torch transformers gguf && python reference/chat_templates.py [SmolLM2-135M-Instruct.Q4_1.gguf]

The templates are SmolLM2's own, out of its GGUF file (without an argument: the one already in `golden/chat.json`),
and three of `reference/chat/*.jinja`, written for these tests in the manner of Llama-3, Qwen2.5 and Mistral.

The file holds `templates` (name, text, bos and eos token), `conversations` (name, messages, tools or null) and `cases`
(template, conversation, add_generation_prompt and `text`, or `error` with `raised` telling whether the template itself
called `raise_exception`). A template with `{% generation %}` blocks also gives, per case, `spans`: the assistant's
[start, end) in characters (code points), and `trained`: the same as text.
"""

import json
import sys
from pathlib import Path

from jinja2.exceptions import TemplateError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden" / "chat.json"

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Today's weather in a <city> & \"nothing\" else, à la minute",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "The time.", "parameters": {}}}


def said(role, content, **more):
    return {"role": role, "content": content} | more


def call(name, arguments):
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


CONVERSATIONS = [
    ("user_only", [said("user", "Hello!")], None),
    ("system_first", [said("system", "Be kind."), said("user", "Who are you?")], None),
    (
        "multi_turn",
        [
            said("system", "  Count along. \n"),
            said("user", "one"),
            said("assistant", "two"),
            said("user", "three"),
            said("assistant", "four"),
            said("user", "five"),
        ],
        None,
    ),
    (
        "unicode",
        [
            said("user", "Grüße, 世界! 👩‍🔬 e\u0301 \u00a0"),
            said("assistant", "¡Hola! \U0001f600 «ça va»"),
            said("user", "\u200bполе\n\n\tend"),
        ],
        None,
    ),
    ("empty_content", [said("system", ""), said("user", ""), said("assistant", ""), said("user", "still here?")], None),
    (
        "trailing_assistant",
        [said("user", "Say it."), said("assistant", "It. \n"), said("user", "Again."), said("assistant", " It")],
        None,
    ),
    (
        "markup",
        [
            said("user", "<b>&amp;</b> {{ messages }} {% raw %} <|im_end|> [INST] </s>"),
            said("assistant", 'back\\slash "quotes" \'single\' {"k": 1}'),
        ],
        None,
    ),
    ("two_users", [said("user", "first"), said("user", "second"), said("assistant", "both")], None),
    (
        "late_system",
        [said("user", "hi"), said("assistant", "hello"), said("system", "now in French"), said("user", "well?")],
        None,
    ),
    (
        "tools",
        [
            said("system", "Use the tools."),
            said("user", "Wetter in Zürich?"),
            said("assistant", "", tool_calls=[call("weather", {"city": "Zürich <ZH>", "days": 2})]),
            said("tool", '{"sky": "klar", "t": [1.5, -2]}', name="weather"),
            said("assistant", "Klar."),
        ],
        [WEATHER, CLOCK],
    ),
    (
        "tools_parallel",
        [
            said("user", "Time and weather?"),
            said("assistant", None, tool_calls=[call("clock", {}), call("weather", '{"city": "Rome"}')]),
            said("tool", "noon", name="clock"),
            said("tool", "sunny", name="weather"),
        ],
        [WEATHER, CLOCK],
    ),
    ("tools_unused", [said("user", "Just talk."), said("assistant", "Fine.")], [CLOCK]),
]


def smollm2_template(arguments):
    if arguments:
        from gguf import GGUFReader

        return GGUFReader(arguments[0]).fields["tokenizer.chat_template"].contents()
    return next(t["template"] for t in json.loads(GOLDEN.read_text())["templates"] if t["name"] == "smollm2")


def templates(arguments):
    def own(name):
        return (HERE / "chat" / f"{name}.jinja").read_text()

    return [
        ("smollm2", smollm2_template(arguments), "<|im_start|>", "<|im_end|>"),
        ("llama3_style", own("llama3_style"), "<|begin_of_text|>", "<|eot_id|>"),
        ("qwen25_style", own("qwen25_style"), None, "<|im_end|>"),
        ("mistral_style", own("mistral_style"), "<s>", "</s>"),
    ]


def byte_tokenizer(template, bos, eos):
    """One token a byte: enough to render, and to see the assistant mask at every character."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = {key: value for key, value in (("bos_token", bos), ("eos_token", eos)) if value}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template, **special)


def assistant_spans(tokenizer, text, messages, **options):
    """Character spans from the mask over the encoded text: maximal runs of masked tokens."""
    out = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **options
    )
    encoded = out.encodings[0]
    masked = set()
    for token, counts in enumerate(out["assistant_masks"]):
        if counts:
            masked.update(range(*encoded.offsets[token]))
    spans = []
    for char in sorted(masked):
        if spans and spans[-1][1] == char:
            spans[-1][1] = char + 1
        else:
            spans.append([char, char + 1])
    return {"spans": spans, "trained": [text[start:end] for start, end in spans]}


def render(tokenizer, messages, tools, add_generation_prompt):
    options = {"tools": tools, "add_generation_prompt": add_generation_prompt}
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except TemplateError as error:
        return {"error": str(error), "raised": type(error) is TemplateError}
    found = {"text": text}
    if "generation %}" in tokenizer.chat_template:
        found |= assistant_spans(tokenizer, text, messages, **options)
    return found


def main():
    chosen = templates(sys.argv[1:])
    cases = []
    for name, template, bos, eos in chosen:
        tokenizer = byte_tokenizer(template, bos, eos)
        for conversation, messages, tools in CONVERSATIONS:
            for add_generation_prompt in (False, True):
                head = {"template": name, "conversation": conversation, "add_generation_prompt": add_generation_prompt}
                cases.append(head | render(tokenizer, messages, tools, add_generation_prompt))
    golden = {
        "templates": [{"name": n, "template": t, "bos_token": b, "eos_token": e} for n, t, b, e in chosen],
        "conversations": [{"name": n, "messages": m, "tools": t} for n, m, t in CONVERSATIONS],
        "cases": cases,
    }
    GOLDEN.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    errors = sum("error" in case for case in cases)
    print(f"{len(cases)} cases ({errors} errors), {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
