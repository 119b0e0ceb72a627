"""Shows a configuration."""

from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf


@rank_zero_only
def print_config(cfg):
    """Print the configuration as a tree."""
    import rich
    import rich.syntax

    rich.print(rich.syntax.Syntax(OmegaConf.to_yaml(cfg), "yaml"))
