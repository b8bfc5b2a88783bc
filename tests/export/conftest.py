from __future__ import annotations

import pytest
import tokenizers

from datamix.signals.tokenizers import HuggingFaceTokenizer
from tests.export.small_plan import World, make_world

WORDS = ["the", "plan", "draws", "tokens", "from", "a", "line,", "naïvely", '"quoted"', "\t\n", "你好", "🙂", "\\u0000"]
PHASES = {"base": {"web": 40, "code": 9}, "upsample": {"web": 5, "code": 12, "math": 6}, "end": {"math": 1}}


def prose(first: int, documents: int, words: int) -> list[str]:
    """Documents of different lengths, one of them empty."""
    lengths = [(first + 7 * i) % words for i in range(documents)]
    return [" ".join(WORDS[(i * i + j * 5) % len(WORDS)] for j in range(n)) for i, n in enumerate([0, *lengths])]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three components under a small byte-level tokenizer; `code` is drawn for several epochs."""
    store = tmp_path_factory.mktemp("store")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=290, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 9, trainer)
    tokenizer.save(str(store / "tiny.json"))
    sources = {"web": prose(30, 40, 60), "code": prose(11, 8, 25), "math": ["x = y " * 400]}
    return make_world(store, HuggingFaceTokenizer(store / "tiny.json"), sources, PHASES)
