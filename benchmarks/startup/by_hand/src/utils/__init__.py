"""Everything that the entry points use."""

from src.utils.pylogger import RankedLogger
from src.utils.task import extras, get_metric_value, task_wrapper


def __getattr__(name):
    if name == "instantiate_callbacks":
        from src.utils.instantiators import instantiate_callbacks as found
    elif name == "log_hyperparameters":
        from src.utils.logging_utils import log_hyperparameters as found
    elif name == "print_config":
        from src.utils.rich_utils import print_config as found
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
