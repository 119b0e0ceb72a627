"""What every task does before and after its work."""

import functools
import warnings

from src.utils.pylogger import RankedLogger
from src.utils.rich_utils import print_config

log = RankedLogger(__name__, rank_zero_only=True)


def extras(cfg):
    """Do what the configuration asks for before a task starts."""
    if cfg.get("ignore_warnings"):
        warnings.filterwarnings("ignore")
    if cfg.get("print_config"):
        print_config(cfg)


def task_wrapper(task):
    """Log how a task ends."""

    @functools.wraps(task)
    def wrap(cfg):
        try:
            metrics = task(cfg)
        except Exception:
            log.exception(f"{task.__name__} failed")
            raise
        log.info(f"{task.__name__} is done")
        return metrics

    return wrap


def get_metric_value(metrics, name):
    """Return one of the metrics, and complain if there is none of that name."""
    if name not in metrics:
        raise KeyError(f"there is no metric {name!r}, only {sorted(metrics)}")
    return metrics[name]
