"""A linter for the bugs that bite when PyTorch code starts worker processes, and for slow start-up."""

__version__ = "0.1.0"
