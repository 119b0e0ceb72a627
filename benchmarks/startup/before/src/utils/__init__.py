"""Everything that the entry points use."""

from src.utils.instantiators import instantiate_callbacks
from src.utils.logging_utils import log_hyperparameters
from src.utils.pylogger import RankedLogger
from src.utils.rich_utils import print_config
from src.utils.task import extras, get_metric_value, task_wrapper
