"""The sentences."""

from src.data.sentences import Sentences, collate

__all__ = ["Sentences", "collate"]
