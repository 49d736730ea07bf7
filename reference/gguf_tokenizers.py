"""Small real tokenizers for `gguf_models.py`: trained here on a few sentences, written the way GGUF files carry them.

Three byte-level BPE tokenizers (pre-tokenizers `smollm`, `llama-bpe`, `qwen2`) and two SentencePiece BPE
tokenizers with byte fallback (Gemma's, without a leading space; Llama 2's, with one). Each is a `TinyTokenizer`:
the Hugging Face tokenizer, whose ids are the expectation, and the GGUF metadata that describes it.
Needs `sentencepiece` and `protobuf` beside `transformers` and `gguf`.
"""

import io
import json
from dataclasses import dataclass, field

import gguf
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import GemmaTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import generate_merges

CORPUS = """The capital of France is Paris, and the capital of Germany is Berlin. The cat sat on the mat.
It's a rainy day; we'll stay inside and they're reading. Don't stop now, I'd rather wait until the rain is over.
There were 12 monkeys, 345 trees and 6789 stones in the year 2024. She said that the children of the king are here.
Die Straße ist naß, und der Fluß fließt. Où est le café près de la forêt? ¿Qué tal, señor? Привет, как дела?
def add(x, y):
    return x + y  # the sum
The other day the weather there was rather better than the weather in the capital.
"""

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'"
    " + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA3_CHAT = (
    "{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
    " + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
GEMMA_CHAT = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant'"
    " else message['role']) + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
LLAMA2_CHAT = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content']"
    " + ' [/INST]' }}{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)

LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA_BPE_SPLIT = LETTERS + r"|\p{N}{1,3}|" + REST
QWEN2_SPLIT = LETTERS + r"|\p{N}|" + REST


@dataclass
class TinyTokenizer:
    """A tokenizer, and what a GGUF file says of it."""

    hf: PreTrainedTokenizerFast
    model: str
    tokens: list
    types: list
    pre: str = "default"
    merges: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    add_space_prefix: bool | None = None
    # The original SentencePiece model: a second opinion on the ids.
    original: sentencepiece.SentencePieceProcessor | None = None

    def write(self, writer: gguf.GGUFWriter, n_vocab: int):
        """Adds the `tokenizer.*` keys; ids beyond the tokenizer are padding, as in converted checkpoints."""
        n_padding = n_vocab - len(self.tokens)
        writer.add_tokenizer_model(self.model)
        if self.model == "gpt2":
            writer.add_tokenizer_pre(self.pre)
            writer.add_token_merges([" ".join(pair) for pair in self.merges])
        else:
            writer.add_tokenizer_pre("default")
            writer.add_token_scores(self.scores + [-1000.0] * n_padding)
            writer.add_add_space_prefix(self.add_space_prefix)
        writer.add_token_list(self.tokens + [f"[PAD{len(self.tokens) + i}]" for i in range(n_padding)])
        writer.add_token_types(self.types + [gguf.TokenType.UNUSED] * n_padding)
        for kind in ("bos", "eos", "unk", "pad"):
            token_id = getattr(self.hf, f"{kind}_token_id")
            if token_id is not None:
                getattr(writer, f"add_{kind}_token_id")(token_id)
        writer.add_add_bos_token(self.adds_bos())
        writer.add_add_eos_token(False)
        writer.add_chat_template(self.hf.chat_template)

    def adds_bos(self) -> bool:
        return self.hf("a")["input_ids"][0] == self.hf.bos_token_id


def byte_level(pre: str, n_vocab: int, special: list, user_defined: list, special_first: bool, **names) -> TinyTokenizer:
    """Trains a byte-level BPE tokenizer with the pre-tokenizer that llama.cpp calls `pre`."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    if pre == "smollm":
        split, use_regex = pre_tokenizers.Digits(individual_digits=True), True
    else:
        pattern = {"llama-bpe": LLAMA_BPE_SPLIT, "qwen2": QWEN2_SPLIT}[pre]
        split, use_regex = pre_tokenizers.Split(Regex(pattern), behavior="isolated"), False
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    byte_level_step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level_step])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=n_vocab - (0 if special_first else len(special)) - len(user_defined),
        special_tokens=special if special_first else [],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in user_defined])
    if pre == "llama-bpe":
        bos = names["bos_token"]
        template = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
        tokenizer.post_processor = processors.Sequence([tokenizer.post_processor, template])
    hf = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    kinds = {**dict.fromkeys(special, gguf.TokenType.CONTROL), **dict.fromkeys(user_defined, gguf.TokenType.USER_DEFINED)}
    types = [kinds.get(token, gguf.TokenType.NORMAL) for token in tokens]
    merges = json_model(tokenizer)["merges"]
    return TinyTokenizer(hf, "gpt2", tokens, types, pre=pre, merges=merges)


def json_model(tokenizer: Tokenizer) -> dict:
    return json.loads(tokenizer.to_str())["model"]


def smollm() -> TinyTokenizer:
    return byte_level(
        "smollm", 300, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"], [], True,
        bos_token="<|im_start|>", eos_token="<|im_end|>", unk_token="<|endoftext|>", pad_token="<|im_end|>",
        chat_template=CHATML,
    )


def llama_bpe() -> TinyTokenizer:
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return byte_level(
        "llama-bpe", 310, special, [], False,
        bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", chat_template=LLAMA3_CHAT,
    )


def qwen2() -> TinyTokenizer:
    return byte_level(
        "qwen2", 306, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<tool_call>", "</tool_call>"], False,
        eos_token="<|im_end|>", pad_token="<|endoftext|>", bos_token="<|endoftext|>", chat_template=CHATML,
    )


def train_sentencepiece(n_vocab: int, dummy_prefix: bool, **ids) -> sentencepiece.SentencePieceProcessor:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.splitlines()), model_writer=model, model_type="bpe", vocab_size=n_vocab,
        byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity", split_digits=True,
        add_dummy_prefix=dummy_prefix, remove_extra_whitespaces=False, minloglevel=2, num_threads=1, **ids,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def pieces(processor, control: list, user_defined: list) -> tuple:
    """Tokens, scores and types as a GGUF file lists them."""
    tokens, scores, types = [], [], []
    for i in range(processor.vocab_size()):
        token, kind = processor.id_to_piece(i), gguf.TokenType.NORMAL
        if processor.is_unknown(i):
            kind = gguf.TokenType.UNKNOWN
        elif processor.is_control(i) or token in control:
            kind = gguf.TokenType.CONTROL
        elif token in user_defined:
            kind = gguf.TokenType.USER_DEFINED
        elif processor.is_byte(i):
            kind = gguf.TokenType.BYTE
        tokens.append(token)
        scores.append(processor.get_score(i))
        types.append(kind)
    return tokens, scores, types


def bpe_of(tokens: list, scores: list, types: list) -> tuple:
    """Vocabulary and merges, by the rule `transformers` uses for SentencePiece models."""
    vocab = {token: i for i, token in enumerate(tokens)}
    normal = {t: s for t, s, kind in zip(tokens, scores, types) if kind == gguf.TokenType.NORMAL}
    skip = [t for t, kind in zip(tokens, types) if kind != gguf.TokenType.NORMAL]
    return vocab, generate_merges(vocab, normal, skip)


def gemma() -> TinyTokenizer:
    control, user_defined = ["<start_of_turn>", "<end_of_turn>"], ["\n\n"]
    processor = train_sentencepiece(
        400, False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
        user_defined_symbols=["<mask>"] + control + user_defined,
    )
    tokens, scores, types = pieces(processor, control + ["<mask>"], user_defined)
    vocab, merges = bpe_of(tokens, scores, types)
    hf = GemmaTokenizer(vocab=vocab, merges=merges, add_bos_token=True, chat_template=GEMMA_CHAT)
    hf.add_tokens([AddedToken(token, normalized=False, special=True) for token in control], special_tokens=True)
    hf.add_tokens([AddedToken(token, normalized=False, special=False) for token in user_defined])
    return TinyTokenizer(
        hf, "llama", tokens, types, scores=scores, add_space_prefix=False, original=processor,
    )


def llama_spm() -> TinyTokenizer:
    """Llama 2's kind: a dummy space before the text, written as its published tokenizer files do."""
    processor = train_sentencepiece(390, True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    tokens, scores, types = pieces(processor, [], [])
    vocab, merges = bpe_of(tokens, scores, types)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    hf = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=LLAMA2_CHAT,
    )
    return TinyTokenizer(
        hf, "llama", tokens, types, scores=scores, add_space_prefix=True, original=processor,
    )
