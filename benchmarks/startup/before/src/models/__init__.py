"""The classifier."""

from src.models.classifier import SentenceClassifier

__all__ = ["SentenceClassifier"]
