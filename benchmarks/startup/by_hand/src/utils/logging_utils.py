"""Logs what a run is made of."""

import wandb
from lightning.pytorch.utilities import rank_zero_only

from src.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)


@rank_zero_only
def log_hyperparameters(cfg, model, trainer):
    """Log the size of the model and where it is trained."""
    size = sum(each.numel() for each in model.parameters())
    log.info(f"{size} parameters, at most {trainer.max_steps} steps")
    if wandb.run is not None:
        wandb.run.summary["parameters"] = size
