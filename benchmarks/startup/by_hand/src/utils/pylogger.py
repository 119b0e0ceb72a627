"""A factory of loggers that know which process they are in."""

import logging


class RankedLogger(logging.LoggerAdapter):
    """A logger that says nothing on other ranks than the first, if that is wanted."""

    def __init__(self, name=__name__, rank_zero_only=False):
        super().__init__(logging.getLogger(name), {})
        self.rank_zero_only = rank_zero_only

    def log(self, level, message, *args, **kwargs):
        """Log, with the rank in front."""
        from lightning.pytorch.utilities import rank_zero_only as rank_zero

        rank = getattr(rank_zero, "rank", 0)
        if self.isEnabledFor(level) and (rank == 0 or not self.rank_zero_only):
            self.logger.log(level, f"[rank {rank}] {message}", *args, **kwargs)
