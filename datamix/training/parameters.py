"""What determines a trained model besides its data."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Parameters(BaseModel):
    """Settings of one training; the defaults suit documents told apart by their words.

    Args:
        dimensions: width of the hidden layer; few suffice where labels are few.
        epochs: passes over the training part.
        learning_rate: at the start; it falls linearly to zero.
        word_ngrams: longest word n-gram.
        shortest_characters: shortest character n-gram of a word; 0 for none.
        longest_characters: longest character n-gram of a word; 0 for none. They catch spellings never seen.
        min_count: occurrences below which a word is unknown.
        buckets: rows for hashed n-grams; where they pass `max_bytes`, the weakest are pruned.
        max_bytes: size of the quantised model's file, at most.
        test_share: share of the clusters of near-duplicates that are kept for the evaluation.
        seed: of fastText, and of the hash that splits.
        memory_limit_bytes: address space of the process that trains.
        timeout_s: after which the process that trains is killed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimensions: int = Field(8, ge=1, le=1024)
    epochs: int = Field(5, ge=1, le=1000)
    learning_rate: float = Field(0.1, gt=0, le=10)
    word_ngrams: int = Field(2, ge=1, le=10)
    shortest_characters: int = Field(0, ge=0, le=20)
    longest_characters: int = Field(0, ge=0, le=20)
    min_count: int = Field(2, ge=1)
    buckets: int = Field(200_000, ge=256, le=50_000_000)
    max_bytes: int = Field(2_000_000, ge=10_000)
    test_share: float = Field(0.1, gt=0, lt=1)
    seed: int = Field(1, ge=0, lt=2**31)
    memory_limit_bytes: int = Field(8_000_000_000, ge=100_000_000)
    timeout_s: int = Field(3600, ge=1)

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if (self.shortest_characters == 0) != (self.longest_characters == 0):
            raise ValueError("give both the shortest and the longest character n-gram, or neither")
        if self.shortest_characters > self.longest_characters:
            raise ValueError("the shortest character n-gram is longer than the longest")
        return self
