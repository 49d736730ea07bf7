"""Writes `golden/rewards/lm/`: two tiny language models with tokenizers, and what rewards make of texts by them.

    pip install torch transformers tokenizers && python reference/rewards_lm.py

`gpt2/` has a BOS token that its tokenizer does not write by itself and no chat template; `llama/` writes its BOS and
has a chat template. Both have random weights and a byte-level BPE of a few hundred tokens, trained on the text below.

`expected.json` holds, for each of them, computed in float32 one text at a time, so that nothing is padded:

- `perplexity`: the definition of Hugging Face's `evaluate`, written out: encoded without special tokens and cut at
  the end to the context, the BOS put first where `add_start_token`; exp of the mean of -log p of every token after
  the first. `null` where no token is left to predict;
- `conditional`: the same over the response's tokens alone, after the BOS and the prompt's tokens; the prompt loses
  its beginning where both are too long;
- `gptscore`: mean log p of the tokens of `scored` after `template`, both filled in and encoded one by one, behind
  what the tokenizer writes before a text;
- `judge`: the question (through the chat template where there is one), followed by each label in turn; the
  probabilities of the labels' first differing tokens, renormalised, and their mean grade.
"""

import json
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, LlamaConfig, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parent.parent / "golden" / "rewards" / "lm"
CORPUS = [
    "The river runs past the old mill and under the bridge of stone.",
    "A child asked why the water never stops, and nobody in the village knew.",
    "Answer the question with one word: yes or no. Grade the answer from 1 to 5.",
    "In the morning the baker opens his shop; in the evening he closes it again.",
    "What is the name of the town? The town has no name, but the people have.",
    "Grades: poor good poor good. " * 9 + "0 1 2 3 4 5 6 7 8 9 " * 9,
]
CHAT = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
TEXTS = [
    "The river runs past the old mill.",
    "mill old the past runs river The",
    "yes",
    "",
    " ",
    "A",
    "Zürich, naïve café: 東京 🙂!",
    "The town has no name. " * 30,
    "water\n\nwater\twater",
]
PAIRS = [
    ["What is the name of the town?", " It has none."],
    ["What is the name of the town?", "The river runs past the old mill and under the bridge."],
    ["", "Nobody knew."],
    ["Why? " * 60, " Nobody in the village knew."],
    ["Why?", " Nobody in the village knew why the water never stops." * 8],
    ["Why?", ""],
]
TEMPLATE = "Text: {prompt}\nA {aspect} answer:"
SCORED = " {response}"
ABOUT = "Text: {prompt}\nAnswer: {response}\nIs the answer {aspect}?"
QUESTION = "Text: {prompt}\nAnswer: {response}\n{rubric} One of {labels}."
RUBRIC = "Grade it."
LABELS = [["1", "2", "3", "4", "5"], ["poor", "good"], ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"]]


def tokenizer_of(name):
    special = {"gpt2": ["<|endoftext|>"], "llama": ["<s>", "</s>"]}[name]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(CORPUS, trainer)
    if name == "llama":
        inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
        return PreTrainedTokenizerFast(
            tokenizer_object=inner, bos_token="<s>", eos_token="</s>", chat_template=CHAT
        )
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token=special[0], eos_token=special[0])


def config_of(name, tokenizer):
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    if name == "gpt2":
        return GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2, n_positions=64, **ids)
    return LlamaConfig(
        vocab_size=len(tokenizer), **ids, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=160, tie_word_embeddings=True,
    )


def write(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = tokenizer_of(name)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config_of(name, tokenizer), attn_implementation="eager")
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape)
        parameter.data.copy_(1 + 0.3 * noise if parameter.dim() == 1 else 0.4 * noise)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)


class Judge:
    def __init__(self, name):
        folder = ROOT / name
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.context = self.model.config.max_position_embeddings
        self.bos = [self.tokenizer.bos_token_id]
        self.own = self.tokenizer("a")["input_ids"][: -len(self.encode("a"))]

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.no_grad()
    def logprobs(self, ids):
        return torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), dim=-1)

    def mean(self, before, scored):
        """Mean log p of `scored` after `before`; the first token of all is predicted by nothing."""
        ids = before + scored
        first = max(len(before), 1)
        if first >= len(ids):
            return None
        logprobs = self.logprobs(ids)
        return torch.stack([logprobs[at - 1, ids[at]] for at in range(first, len(ids))]).mean().item()

    def perplexity(self, text, add_start_token):
        start = self.bos if add_start_token else []
        mean = self.mean(start, self.encode(text)[: self.context - len(start)])
        return None if mean is None else torch.exp(torch.tensor(-mean, dtype=torch.float64)).item()

    def conditional(self, prompt, response, start):
        scored = self.encode(response)[: self.context - len(start)]
        room = self.context - len(start) - len(scored)
        before = self.encode(prompt)
        return self.mean(start + before[len(before) - min(room, len(before)) :], scored)

    def grade(self, prompt, response, labels):
        words = ", ".join(labels[:-1]) + " and " + labels[-1]
        asked = QUESTION.format(prompt=prompt, response=response, rubric=RUBRIC, labels=words)
        if self.tokenizer.chat_template:
            message = [{"role": "user", "content": asked}]
            text = self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
            rows = [self.encode(text + label) for label in labels]
        else:
            rows = [self.own + self.encode(asked + "\nGrade: " + label) for label in labels]
        shared = 0
        while len({row[shared] for row in rows}) == 1:
            shared += 1
        options = [row[shared] for row in rows]
        assert len(set(options)) == len(options), (labels, options)
        if shared > self.context:
            return {"probabilities": None, "score": None, "tokens": shared}
        chosen = self.logprobs(rows[0][:shared])[-1, options].double().softmax(-1)
        score = sum(p * i for i, p in enumerate(chosen.tolist())) / (len(labels) - 1)
        return {"probabilities": chosen.tolist(), "score": score, "tokens": shared}


def expected(name):
    judge = Judge(name)
    perplexity = {
        str(flag).lower(): [judge.perplexity(text, flag) for text in TEXTS] for flag in (True, False)
    }
    gptscore = []
    for prompt, response in PAIRS:
        values = {"prompt": prompt, "response": response, "aspect": "fluent"}
        one = judge.conditional(TEMPLATE.format(**values), SCORED.format(**values), judge.own) if response else None
        about = judge.conditional(ABOUT.format(**values), " yes", judge.own) if response else None
        gptscore.append({"response": one, "about": about})
    return {
        "perplexity": perplexity,
        "conditional": [judge.conditional(prompt, response, judge.bos) for prompt, response in PAIRS],
        "gptscore": gptscore,
        "judge": [
            [judge.grade(prompt, response, labels) if response else None for labels in LABELS]
            for prompt, response in PAIRS
        ],
    }


def main():
    written = {}
    for name in ("gpt2", "llama"):
        write(name)
        written[name] = expected(name)
    written |= {
        "texts": TEXTS, "pairs": PAIRS, "labels": LABELS, "rubric": RUBRIC, "question": QUESTION,
        "template": TEMPLATE, "scored": SCORED, "about": ABOUT, "aspect": "fluent",
    }
    (ROOT / "expected.json").write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


main()
