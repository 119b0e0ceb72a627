"""Makes objects from configurations."""

import hydra
from lightning import Callback
from omegaconf import DictConfig

from src.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)


def instantiate_callbacks(cfg: DictConfig | None) -> list[Callback]:
    """Make the callbacks that a configuration describes."""
    if not cfg:
        log.info("no callbacks")
        return []
    return [hydra.utils.instantiate(each) for each in cfg.values() if "_target_" in each]
