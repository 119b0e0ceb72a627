"""How programs read their arguments or configuration: what stands before that is start-up.

Sources: the documentation of argparse, click, typer, hydra, fire, absl, tyro, jsonargparse, docopt, simple-parsing,
cyclopts, draccus, pyrallis and Lightning's command line.
"""

from __future__ import annotations

METHODS = frozenset(
    {
        "parse_args",
        "parse_known_args",
        "parse_intermixed_args",
        "parse_known_intermixed_args",
        "parse_args_into_dataclasses",
        "parse_args_and_config",
    }
)
"""Methods of parsers; the names are telling enough where the parser itself can't be followed."""

FUNCTIONS = frozenset(
    {
        "absl.app.run",
        "cyclopts.run",
        "defopt.run",
        "docopt.docopt",
        "fire.Fire",
        "getopt.getopt",
        "getopt.gnu_getopt",
        "jsonargparse.CLI",
        "jsonargparse.auto_cli",
        "lightning.pytorch.cli.LightningCLI",
        "lightning.cli.LightningCLI",
        "plac.call",
        "simple_parsing.parse",
        "tyro.cli",
        "typer.run",
        "draccus.parse",
        "pyrallis.parse",
    }
)
"""Functions that read the arguments when they are called."""

CONFIGURATIONS = frozenset({"hydra.compose", "hydra.initialize"})
"""Functions that read the configuration but not the arguments."""

ARGUMENTS = "sys.argv"
"""Where the arguments are."""

APPLICATIONS = frozenset({"typer.Typer", "click.Group", "click.CommandCollection", "cyclopts.App"})
"""Classes whose instances read the arguments when they are called."""

DECORATORS = frozenset(
    {
        "click.command",
        "click.group",
        "cyclopts.run",
        "draccus.wrap",
        "hydra.main",
        "pyrallis.wrap",
        "rich_click.command",
        "rich_click.group",
        "tyro.conf.configure",
    }
)
"""Decorators of functions that then read the arguments before their body runs."""

OPTIONS = frozenset({"add_argument", "option", "add_option"})
"""Last names of the calls that declare an option with a default: argparse's, click's, optparse's."""

FLAGS = frozenset({"DEFINE_integer", "DEFINE_float", "DEFINE_string"})
"""Last names of absl's functions that declare a flag: its name and its default."""

DECLARING = frozenset(
    {
        "add_argument",
        "add_command",
        "add_option",
        "add_typer",
        "callback",
        "command",
        "group",
        "register_new_resolver",
        "register_resolver",
    }
)
"""Last names of what declares options, commands or OmegaConf's resolvers on something that another module has made."""

DECLARING_FLAGS = "DEFINE_"
"""How the names of absl's functions begin that declare flags for the whole program."""

CONFIGURATION_STORES = frozenset({"hydra.core.config_store.ConfigStore", "hydra_zen.store"})
"""Where Hydra looks for configurations that a program has declared before it starts."""

RECORD_PARSERS: dict[str, str] = {
    "draccus.parse": "config_class",
    "pyrallis.parse": "config_class",
    "simple_parsing.parse": "config_class",
    "simple_parsing.ArgumentParser().add_arguments": "dataclass",
    "transformers.HfArgumentParser": "dataclass_types",
    "trl.TrlParser": "dataclass_types",
    "tyro.cli": "f",
}
"""Calls whose first argument describes the options: a data class, several, a function; and the argument's name."""

RECORD_DECORATORS = frozenset({"draccus.wrap", "pyrallis.wrap"})
"""Decorators of functions whose parameter is a data class that describes the options."""

RECORD_BASES = frozenset({"tap.Tap"})
"""Classes whose subclasses have the options as their attributes."""

NAMESPACES = frozenset(
    {
        "argparse.Namespace",
        "types.SimpleNamespace",
        "easydict.EasyDict",
        "omegaconf.OmegaConf.create",
        "omegaconf.DictConfig",
        "addict.Dict",
        "attrdict.AttrDict",
        "box.Box",
        "dotmap.DotMap",
        "munch.Munch",
        "munch.munchify",
        "ml_collections.ConfigDict",
        "ml_collections.config_dict.ConfigDict",
        "mmcv.Config",
        "mmengine.config.Config",
        "yacs.config.CfgNode",
    }
)
"""Callables that make an object whose attributes and items are its keywords, or the items of a dict it is given."""
