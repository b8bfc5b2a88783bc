"""Family `tokens`: how many tokens each document has, and the ids that counting them needed anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datamix.signals.family import Column
from datamix.signals.tokenizers import load_tokenizer
from datamix.storage.token_cache import Ids, Int64s

_VERSION = 1


@dataclass(frozen=True)
class TokensFamily:
    """Tokens of each document under one tokenizer.

    Args:
        tokenizer: `bytes`, or the path of a tokenizer.json.
        tokenizer_hash: as `datamix.signals.tokenizers.tokenizer_hash` gives it; a worker that finds another file
            there refuses it.
    """

    tokenizer: str
    tokenizer_hash: str

    name = "tokens"
    columns = (
        Column(
            "tokens",
            pa.int64(),
            "Tokens of the text under the project's tokenizer, without special tokens; with the tokenizer `bytes`, "
            "the bytes of its UTF-8 form.",
        ),
    )

    def definition(self) -> dict[str, Any]:
        """Return the version of this code and the tokenizer's hash: its path does not matter."""
        return {"version": _VERSION, "tokenizer": self.tokenizer_hash}

    def measure(self, texts: pa.LargeStringArray) -> dict[str, pa.Array]:
        """Return the column `tokens`.

        Raises:
            ModelError: the tokenizer's file is missing, damaged, or another than the hash says.
        """
        return {"tokens": pa.array(load_tokenizer(self.tokenizer, self.tokenizer_hash).count(texts))}

    def measure_and_encode(self, texts: pa.LargeStringArray) -> tuple[dict[str, pa.Array], Ids, Int64s]:
        """Return the columns together with the token ids, for the token cache.

        Returns:
            (columns, ids [tokens], offsets int64 [n + 1]): text i has ids[offsets[i]:offsets[i + 1]]. For `bytes` the
            ids are a view of the texts' buffer: write them out before the texts are released.

        Raises:
            ModelError: as for `measure`.
        """
        ids, offsets = load_tokenizer(self.tokenizer, self.tokenizer_hash).encode(texts)
        return {"tokens": pa.array(offsets[1:] - offsets[:-1])}, ids, offsets
