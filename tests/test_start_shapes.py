"""The shapes in which programs start workers, each beside the nearest shape that starts none."""

from __future__ import annotations

import re
import textwrap

import pytest

from dlsafe_lint.analysis.starts import chain, unguarded
from test_starts import found, modules

LOADER = "from torch.utils.data import DataLoader\nloader = DataLoader([1, 2], num_workers=2)\n"
TRAIN = f"{LOADER}def train(*args, **kwargs):\n    for batch in loader:\n        pass\n"
FILE = re.compile(r"^# (\w+)\.py\n", re.MULTILINE)


def starts(text: str) -> list[tuple[int, str]]:
    """Return what a script starts; other files stand before it, each under a comment with its name."""
    first, *rest = FILE.split(textwrap.dedent(text))
    if not rest:
        return found(first)
    names, sources = rest[::2], rest[1::2]
    files = dict(zip(names, sources, strict=True))
    return found(files.pop("script"), **files)


CALLS = {
    "a function": (TRAIN + "train()", TRAIN + "run = train"),
    "exit with its result": (TRAIN + "import sys\nsys.exit(train())", TRAIN + "import sys\nsys.exit(train)"),
    "raise with its result": (TRAIN + "raise SystemExit(train())", TRAIN + "raise SystemExit"),
    "a coroutine": (
        LOADER + "import asyncio\nasync def main():\n    for batch in loader: pass\nasyncio.run(main())",
        LOADER + "import asyncio\nasync def main():\n    len(loader)\nasyncio.run(main())",
    ),
    "an event loop": (
        LOADER
        + "import asyncio\nasync def main():\n    for batch in loader: pass\n"
        + "asyncio.get_event_loop().run_until_complete(main())",
        LOADER + "import asyncio\nasync def main():\n    for batch in loader: pass\nasyncio.get_event_loop()",
    ),
    "a coroutine that awaits another": (
        LOADER
        + "import asyncio\nasync def step():\n    list(loader)\nasync def main():\n    await step()\n"
        + "asyncio.run(main())",
        LOADER
        + "import asyncio\nasync def step():\n    list(loader)\nasync def main():\n    later = step\n"
        + "asyncio.run(main())",
    ),
    "fire of a function": (TRAIN + "import fire\nfire.Fire(train)", TRAIN + "import fire\nfire.Fire(print)"),
    "fire of a dict": (
        TRAIN + "import fire\nfire.Fire({'train': train})",
        TRAIN + "import fire\nfire.Fire({'show': print})",
    ),
    "fire of a class": (
        LOADER + "import fire\nclass Tool:\n    def train(self): list(loader)\nfire.Fire(Tool)",
        LOADER + "import fire\nclass Tool:\n    def show(self): len(loader)\nfire.Fire(Tool)",
    ),
    "fire of an object": (
        LOADER + "import fire\nclass Tool:\n    def train(self): list(loader)\nfire.Fire(Tool())",
        LOADER + "import fire\nclass Tool:\n    def _train(self): list(loader)\nfire.Fire(Tool())",
    ),
    "fire of the whole file": (TRAIN + "import fire\nfire.Fire()", "import fire\n" + LOADER + "fire.Fire()"),
    "typer.run": (TRAIN + "import typer\ntyper.run(train)", TRAIN + "import typer\ntyper.run(print)"),
    "a typer app": (
        LOADER + "import typer\napp = typer.Typer()\n@app.command()\ndef train():\n    list(loader)\napp()",
        LOADER + "import typer\napp = typer.Typer()\n@app.command()\ndef train():\n    list(loader)\n",
    ),
    "a typer app of another file": (
        "# tool.py\n" + LOADER + "import typer\napp = typer.Typer()\n@app.command()\ndef train():\n    list(loader)\n"
        "# script.py\nfrom tool import app\napp()",
        "# tool.py\n" + LOADER + "import typer\napp = typer.Typer()\n@app.command()\ndef train():\n    list(loader)\n"
        "# script.py\nfrom tool import app\nprint(app)",
    ),
    "a click command": (
        LOADER + "import click\n@click.command()\n@click.option('--n')\ndef main(n):\n    list(loader)\nmain()",
        LOADER + "import click\n@click.command()\n@click.option('--n')\ndef main(n):\n    list(loader)\n",
    ),
    "a click command without parentheses": (
        LOADER + "import click\n@click.command\ndef main():\n    list(loader)\nmain(standalone_mode=False)",
        LOADER + "import click\n@click.command\ndef main():\n    list(loader)\nmain.name",
    ),
    "a click group": (
        LOADER
        + "import click\n@click.group()\ndef cli(): pass\n@cli.command('go')\ndef train():\n    list(loader)\ncli()",
        LOADER
        + "import click\n@click.group()\ndef cli(): pass\n@click.command('go')\ndef train():\n    list(loader)\ncli()",
    ),
    "a click group with add_command": (
        LOADER
        + "import click\n@click.group()\ndef cli(): pass\n@click.command()\ndef train():\n    list(loader)\n"
        + "cli.add_command(train)\ncli()",
        LOADER
        + "import click\n@click.group()\ndef cli(): pass\n@click.command()\ndef train():\n    list(loader)\n"
        + "cli.add_command(train)\n",
    ),
    "hydra": (
        LOADER + "import hydra\n@hydra.main(config_path='conf')\ndef main(cfg):\n    list(loader)\nmain()",
        LOADER + "import hydra\n@hydra.main(config_path='conf')\ndef main(cfg):\n    list(loader)\n",
    ),
    "hydra, workers from the configuration": (
        """
        import hydra
        from torch.utils.data import DataLoader
        @hydra.main(config_path="conf")
        def main(cfg):
            for batch in DataLoader([1], num_workers=cfg.data.workers):
                pass
        main()
        """,
        """
        import hydra
        from torch.utils.data import DataLoader
        @hydra.main(config_path="conf")
        def main(cfg):
            for batch in DataLoader([1], batch_size=cfg.data.batch_size):
                pass
        main()
        """,
    ),
    "sacred": (
        LOADER
        + "from sacred import Experiment\nex = Experiment()\n@ex.main\ndef main():\n    list(loader)\n"
        + "ex.run_commandline()",
        LOADER + "from sacred import Experiment\nex = Experiment()\n@ex.automain\ndef main():\n    list(loader)\n",
    ),
    "absl": (TRAIN + "from absl import app\napp.run(train)", TRAIN + "from absl import app\napp.usage()"),
    "a decorator of the file's own": (
        LOADER
        + """
import functools
def timed(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
@timed
def train():
    list(loader)
train()
""",
        LOADER
        + """
import functools
def timed(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
@timed
def train():
    list(loader)
""",
    ),
    "a decorator that starts workers": (
        LOADER
        + "def warm(function):\n    def wrapper():\n        list(loader)\n        return function()\n"
        + "    return wrapper\n@warm\ndef show(): pass\nshow()",
        LOADER
        + "def warm(function):\n    def wrapper():\n        len(loader)\n        return function()\n"
        + "    return wrapper\n@warm\ndef show(): pass\nshow()",
    ),
    "a decorator of torch": (
        LOADER + "import torch\n@torch.no_grad()\ndef main():\n    list(loader)\nmain()",
        LOADER + "import torch\n@torch.no_grad()\ndef main():\n    len(loader)\nmain()",
    ),
    "recursion": (
        LOADER + "def walk(n):\n    if n:\n        walk(n - 1)\n    list(loader)\nwalk(3)",
        LOADER + "def walk(n):\n    if n:\n        walk(n - 1)\n    len(loader)\nwalk(3)",
    ),
    "recursion over three functions": (
        LOADER + "def a(): b()\ndef b(): c()\ndef c():\n    a()\n    list(loader)\na()",
        LOADER + "def a(): b()\ndef b(): c()\ndef c():\n    a()\n    len(loader)\na()",
    ),
    "a function in a dict": (
        TRAIN + "commands = {'train': train, 'show': print}\ncommands['train']()",
        TRAIN + "commands = {'train': train, 'show': print}\ncommands['show']()",
    ),
    "a function in a dict, by a name": (
        TRAIN + "import sys\ncommands = {'train': train}\ncommands[sys.argv[1]]()",
        TRAIN + "import sys\ncommands = {'show': print}\ncommands[sys.argv[1]]()",
    ),
    "a partial": (
        TRAIN + "from functools import partial\ngo = partial(train, 1)\ngo()",
        TRAIN + "from functools import partial\ngo = partial(train, 1)\n",
    ),
    "set_defaults of a parser": (
        TRAIN
        + "import argparse\nparser = argparse.ArgumentParser()\nparser.set_defaults(func=train)\n"
        + "args = parser.parse_args()\nargs.func(args)",
        TRAIN
        + "import argparse\nparser = argparse.ArgumentParser()\nparser.set_defaults(func=print)\n"
        + "args = parser.parse_args()\nargs.func(args)",
    ),
    "a test case's file": (
        "import unittest\n"
        + LOADER
        + "class Loads(unittest.TestCase):\n    def test_it(self):\n        list(loader)\nunittest.main()",
        "import unittest\n"
        + LOADER
        + "class Loads(unittest.TestCase):\n    def test_it(self):\n        len(loader)\nunittest.main()",
    ),
    "a method": (
        LOADER
        + "class T:\n    def fit(self): self.epoch()\n    def epoch(self):\n        list(loader)\nt = T()\nt.fit()",
        LOADER + "class T:\n    def fit(self): self.epoch()\n    def epoch(self):\n        list(loader)\nt = T()\n",
    ),
    "a class method": (
        LOADER + "class T:\n    @classmethod\n    def fit(cls):\n        list(loader)\nT.fit()",
        LOADER + "class T:\n    @classmethod\n    def fit(cls):\n        list(loader)\nT.fit",
    ),
    "a static method": (
        LOADER + "class T:\n    @staticmethod\n    def fit(data):\n        list(data)\nT.fit(loader)",
        LOADER + "class T:\n    @staticmethod\n    def fit(data):\n        list(data)\nT.fit([1])",
    ),
    "a context manager": (
        LOADER + "class T:\n    def __enter__(self): list(loader)\n    def __exit__(self, *e): pass\nwith T(): pass",
        LOADER + "class T:\n    def __enter__(self): len(loader)\n    def __exit__(self, *e): pass\nwith T(): pass",
    ),
    "a method of a child class": (
        LOADER + "class A:\n    def fit(self): list(loader)\nclass B(A): pass\nB().fit()",
        LOADER + "class A:\n    def fit(self): list(loader)\nclass B(A):\n    def fit(self): pass\nB().fit()",
    ),
    "super": (
        LOADER + "class A:\n    def fit(self): list(loader)\nclass B(A):\n    def fit(self): super().fit()\nB().fit()",
        LOADER + "class A:\n    def fit(self): len(loader)\nclass B(A):\n    def fit(self): super().fit()\nB().fit()",
    ),
    "what another file imports": (
        "# data.py\n" + LOADER + "# train.py\nfrom data import loader\ndef main():\n    for batch in loader: pass\n"
        "# script.py\nfrom train import main\nmain()",
        "# data.py\n" + LOADER + "# train.py\nfrom data import loader\ndef main():\n    print(len(loader))\n"
        "# script.py\nfrom train import main\nmain()",
    ),
    "a module's function": (
        "# train.py\n" + LOADER + "def main():\n    for batch in loader: pass\n# script.py\nimport train\ntrain.main()",
        "# train.py\n" + LOADER + "def main():\n    for batch in loader: pass\n# script.py\nimport train\nprint(train)",
    ),
    "a loader that a function returns": (
        LOADER + "def get():\n    return loader\nfor batch in get(): pass",
        LOADER + "def get():\n    return loader.dataset\nfor batch in get(): pass",
    ),
    "two loaders that a function returns": (
        (
            "from torch.utils.data import DataLoader\ndef get():\n"
            "    return DataLoader([1], num_workers=2), DataLoader([1])\na, b = get()\nfor batch in a: pass"
        ),
        (
            "from torch.utils.data import DataLoader\ndef get():\n"
            "    return DataLoader([1], num_workers=2), DataLoader([1])\na, b = get()\nfor batch in b: pass"
        ),
    ),
    "an import in a function": (
        "# work.py\n" + LOADER + "def go():\n    list(loader)\n# script.py\ndef main():\n    from work import go\n"
        "    go()\nmain()",
        "# work.py\n"
        + LOADER
        + "def go():\n    list(loader)\n# script.py\ndef main():\n    from work import go\nmain()",
    ),
}

CALLS["an executor of an event loop"] = (
    (
        "import asyncio\nfrom concurrent.futures import ProcessPoolExecutor\nasync def main():\n"
        "    loop = asyncio.get_running_loop()\n    with ProcessPoolExecutor() as pool:\n"
        "        await loop.run_in_executor(pool, print)\nasyncio.run(main())"
    ),
    (
        "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\nasync def main():\n"
        "    loop = asyncio.get_running_loop()\n    with ThreadPoolExecutor() as pool:\n"
        "        await loop.run_in_executor(pool, print)\nasyncio.run(main())"
    ),
)
CALLS["a thread"] = (
    TRAIN + "import threading\nthread = threading.Thread(target=train)\nthread.start()",
    TRAIN + "import threading\nthread = threading.Thread(target=train)\n",
)

GIVEN = LOADER + "def show(batches):\n    for batch in batches: pass\ndef skip(batches): len(batches)\n"
for what, text in {
    "another name": "run = {}\nrun(loader)",
    "one of two functions": "import sys\n({} if sys.argv else skip)(loader)",
    "a function in a dict": "{{'run': {}}}['run'](loader)",
    "a function in a list": "for run in [{}]: run(loader)",
    "a partial with the loader": "from functools import partial\npartial({}, loader)()",
    "a function that is passed on": "def run(function, batches):\n    function(batches)\nrun({}, loader)",
}.items():
    CALLS[f"{what} that is given the loader"] = (GIVEN + text.format("show"), GIVEN + text.format("skip"))
CALLS["a class of processes that spawn"] = (
    "from multiprocessing import context\nclass Logger(context.SpawnProcess):\n    pass\nLogger().start()",
    "from multiprocessing import context\nclass Logger(context.ForkProcess):\n    pass\nLogger().start()",
)
CALLS["a branch that the call asks for"] = (
    LOADER + "def run(mode='train', *, debug=False):\n    if mode == 'train' and not debug: list(loader)\nrun()",
    LOADER + "def run(mode='train', *, debug=False):\n    if mode == 'train' and not debug: list(loader)\nrun('test')",
)
CALLS["a branch of a constant"] = (
    TRAIN + "TRAIN = True\nif TRAIN:\n    train()\nelse:\n    print()",
    TRAIN + "TRAIN = False\nif TRAIN:\n    train()\nelse:\n    print()",
)
CALLS["a function that the call chooses"] = (
    TRAIN + "def show(): pass\ndef run(how):\n    if how == 'show':\n        do = show\n    elif how == 'train':\n"
    "        do = train\n    do()\nrun('train')",
    TRAIN + "def show(): pass\ndef run(how):\n    if how == 'show':\n        do = show\n    elif how == 'train':\n"
    "        do = train\n    do()\nrun('show')",
)

CALLS["a sampler of torch_geometric, by its old name"] = (
    "from torch_geometric.data import NeighborSampler\nfor batch in NeighborSampler(1, sizes=[2], num_workers=2): pass",
    "from torch_geometric.data import NeighborSampler\nfor batch in NeighborSampler(1, sizes=[2]): pass",
)

GRAPH = "from torch_geometric.nn import Node2Vec\n"
MANAGED = "from multiprocessing.managers import SharedMemoryManager\n"
CONTEXT = "import multiprocessing\nctx = multiprocessing.get_context('{}')\n"
KEPT = (
    LOADER
    + "class Runner:\n    def __init__(self, step): self.step = step\n    def go(self, batches): self.step(batches)\n"
)
CALLS |= {
    "a class of processes that a context has": (
        CONTEXT.format("spawn") + "class Logger(ctx.Process):\n    pass\nLogger().start()",
        CONTEXT.format("fork") + "class Logger(ctx.Process):\n    pass\nLogger().start()",
    ),
    "processes in a list": (
        (
            "from multiprocessing import Process\nall = []\nfor i in '12':\n    one = Process()\n    all.append(one)\n"
            "for one in all:\n    one.start()"
        ),
        (
            "from multiprocessing import Process\nall = []\nfor i in '12':\n    one = Process()\n    all.append(one)\n"
            "for one in all:\n    one.name"
        ),
    ),
    "a manager of shared memory": (
        MANAGED + "with SharedMemoryManager() as memory:\n    pass",
        MANAGED + "memory = SharedMemoryManager()",
    ),
    "a manager of the file's own": (
        "from multiprocessing.managers import BaseManager\nclass Manager(BaseManager): pass\nManager().start()",
        "from multiprocessing.managers import BaseManager\nclass Manager(BaseManager): pass\nManager().connect()",
    ),
    "a function that an object is given": (
        KEPT + "def step(batches): list(batches)\nRunner(step).go(loader)",
        KEPT + "def step(batches): list(batches)\ndef skip(batches): len(batches)\nRunner(skip).go(loader)",
    ),
    "a function that an object is given by name": (
        KEPT + "def step(batches): list(batches)\nclass Other(Runner): pass\nOther(step=step).go(loader)",
        KEPT + "def skip(batches): len(batches)\nclass Other(Runner): pass\nOther(step=skip).go(loader)",
    ),
    "a property": (
        LOADER + "class Data:\n    @property\n    def first(self): return next(iter(loader))\nprint(Data().first)",
        LOADER + "class Data:\n    @property\n    def first(self): return next(iter(loader))\nprint(Data())",
    ),
    "a property that a method reads": (
        LOADER + "from functools import cached_property\nclass Data:\n    @cached_property\n"
        "    def total(self): return sum(loader)\n    def show(self):\n        if self.total: print()\nData().show()",
        LOADER + "from functools import cached_property\nclass Data:\n    @cached_property\n"
        "    def total(self): return len(loader)\n    def show(self):\n        if self.total: print()\nData().show()",
    ),
    "a context manager that a function is": (
        LOADER
        + "import contextlib\n@contextlib.contextmanager\ndef warm():\n    list(loader)\n    yield\nwith warm(): pass",
        LOADER + "import contextlib\n@contextlib.contextmanager\ndef warm():\n    list(loader)\n    yield\nwarm()",
    ),
    "another thread of a coroutine": (
        TRAIN + "import asyncio\nasync def main(): await asyncio.to_thread(train)\nasyncio.run(main())",
        TRAIN + "import asyncio\nasync def main(): await asyncio.to_thread(print)\nasyncio.run(main())",
    ),
    "threads of a pool": (
        TRAIN + "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().map(train, [1])",
        TRAIN + "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().map(print, [1])",
    ),
    "the start method, set in a function": (
        LOADER + "import multiprocessing as mp\ndef main(how):\n    mp.set_start_method(how, force=True)\n"
        "    list(loader)\nmain('spawn')",
        LOADER + "import multiprocessing as mp\ndef main():\n    mp.set_start_method('fork', force=True)\n"
        "    list(loader)\nmain()",
    ),
    "optuna with a lambda": (
        TRAIN + "import optuna\noptuna.create_study().optimize(lambda trial: train(trial), n_trials=2)",
        TRAIN + "import optuna\noptuna.create_study().optimize(lambda trial: trial, n_trials=2)",
    ),
    "a method of node embeddings": (
        GRAPH + "for walk in Node2Vec(1).to('cpu').loader(batch_size=2, num_workers=2): pass",
        GRAPH + "for walk in Node2Vec(1).to('cpu').loader(batch_size=2): pass",
    ),
    "a loader that a loader's methods return": (
        "import webdataset as wds\nfor batch in wds.WebLoader([1], num_workers=2).shuffle(9).batched(4): pass",
        "import webdataset as wds\nfor batch in wds.WebLoader([1]).shuffle(9).batched(4): pass",
    ),
    "a branch that ends": (
        TRAIN + "import sys\nif len(sys.argv) > 3:\n    sys.exit()\ntrain()",
        TRAIN + "import sys\nif len(sys.argv) > 3:\n    sys.exit()\nelse:\n    raise ValueError\ntrain()",
    ),
    "an exit that is caught": (
        TRAIN + "import sys\ntry:\n    sys.exit()\nexcept SystemExit:\n    pass\ntrain()",
        TRAIN + "import sys\ntry:\n    sys.exit()\nfinally:\n    print()\ntrain()",
    ),
    "an exit that is suppressed": (
        TRAIN + "import contextlib, sys\nwith contextlib.suppress(SystemExit):\n    sys.exit()\ntrain()",
        TRAIN + "import sys\nsys.exit()\ntrain()",
    ),
    "an exit of the file's own": (
        TRAIN + "def exit(): pass\nexit()\ntrain()",
        TRAIN + "exit()\ntrain()",
    ),
    "an exit in an expression": (
        TRAIN + "import sys\nlen(sys.argv) or sys.exit()\ntrain()",
        TRAIN + "import sys\nassert False, sys.argv\ntrain()",
    ),
    "what stands behind a return": (
        LOADER + "def go(n):\n    if n:\n        return n\n    list(loader)\ngo(1 if loader else 0)",
        LOADER + "def go(n):\n    if n:\n        return n\n    else:\n        return 1\n    list(loader)\n"
        "go(1 if loader else 0)",
    ),
    "what stands behind a loop": (
        TRAIN + "while True:\n    if loader:\n        break\ntrain()",
        TRAIN + "while True:\n    for each in loader.dataset:\n        break\ntrain()",
    ),
    "what stands behind a continue": (
        LOADER + "for i in range(2):\n    if i:\n        continue\n    list(loader)",
        LOADER + "for i in range(2):\n    continue\n    list(loader)",
    ),
}

LIGHTNING = LOADER + "import lightning as L\n"
ENGINES = {
    "lightning, a loader": (LIGHTNING + "L.Trainer().fit(object(), loader)", LIGHTNING + "L.Trainer(loader)"),
    "lightning, a keyword": (
        LIGHTNING + "L.Trainer().fit(object(), train_dataloaders=loader)",
        LIGHTNING + "L.Trainer().fit(object(), train_dataloaders=[1])",
    ),
    **{
        f"lightning, a data module, {method}": (
            LIGHTNING
            + f"class Data(L.LightningDataModule):\n    def {hook}(self):\n        return loader\n"
            + f"L.Trainer().{method}(object(), datamodule=Data())",
            LIGHTNING
            + f"class Data(L.LightningDataModule):\n    def {hook}(self):\n        return [1, 2]\n"
            + f"L.Trainer().{method}(object(), datamodule=Data())",
        )
        for method, hook in (
            ("fit", "train_dataloader"),
            ("fit", "val_dataloader"),
            ("validate", "val_dataloader"),
            ("test", "test_dataloader"),
            ("predict", "predict_dataloader"),
        )
    },
    "lightning, dataloaders=": (
        LIGHTNING + "L.Trainer().test(object(), dataloaders=loader)",
        LIGHTNING + "L.Trainer().save_checkpoint(loader)",
    ),
    "lightning, a data module by position": (
        LIGHTNING
        + "class Data(L.LightningDataModule):\n    def train_dataloader(self):\n        return loader\n"
        + "L.Trainer().fit(object(), Data())",
        LIGHTNING
        + "class Data(L.LightningDataModule):\n    def test_dataloader(self):\n        return loader\n"
        + "L.Trainer().fit(object(), Data())",
    ),
    "lightning, a data module whose loaders are made in setup": (
        LIGHTNING
        + """
class Data(L.LightningDataModule):
    def __init__(self, workers=4):
        super().__init__()
        self.workers = workers
    def setup(self, stage):
        self.train = DataLoader([1], num_workers=self.workers)
    def train_dataloader(self):
        return self.train
L.Trainer().fit(object(), datamodule=Data())
""",
        LIGHTNING
        + """
class Data(L.LightningDataModule):
    def __init__(self, workers=4):
        super().__init__()
        self.workers = workers
    def setup(self, stage):
        self.train = DataLoader([1], num_workers=self.workers)
    def train_dataloader(self):
        return self.train
L.Trainer().fit(object(), datamodule=Data(workers=0))
""",
    ),
    "lightning, a data module of hyperparameters": (
        LIGHTNING
        + """
class Data(L.LightningDataModule):
    def __init__(self, workers=4):
        super().__init__()
        self.save_hyperparameters()
    def train_dataloader(self):
        return DataLoader([1], num_workers=self.hparams.workers)
L.Trainer().fit(object(), datamodule=Data())
""",
        LIGHTNING
        + """
class Data(L.LightningDataModule):
    def __init__(self, workers=4):
        super().__init__()
        self.save_hyperparameters()
    def train_dataloader(self):
        return DataLoader([1], num_workers=0)
L.Trainer().fit(object(), datamodule=Data())
""",
    ),
    "lightning, from arguments": (
        LOADER + "import pytorch_lightning as pl\npl.Trainer.from_argparse_args(None).fit(object(), loader)",
        LOADER + "import pytorch_lightning as pl\npl.Trainer.from_argparse_args(loader)",
    ),
    "lightning, the trainer by name": (
        LOADER + "from pytorch_lightning import Trainer\nt = Trainer()\nt.fit(object(), loader)",
        LOADER + "class Trainer:\n    def fit(self, *a): pass\nt = Trainer()\nt.fit(object(), loader)",
    ),
    "lightning, hooks that the constructor puts there": (
        LIGHTNING
        + "class Data(L.LightningDataModule):\n    def __init__(self):\n        self.train_dataloader = self._train\n"
        + "    def _train(self):\n        return loader\nL.Trainer().fit(object(), datamodule=Data())",
        LIGHTNING
        + "class Data(L.LightningDataModule):\n    def __init__(self):\n        self.test_dataloader = self._train\n"
        + "    def _train(self):\n        return loader\nL.Trainer().fit(object(), datamodule=Data())",
    ),
    "lightning, the default of a hyperparameter": (
        LIGHTNING
        + "class Data(L.LightningDataModule):\n    def __init__(self, workers=4): self.save_hyperparameters()\n"
        + "    def train_dataloader(self):\n        return DataLoader([1], num_workers=self.hparams.workers)\n"
        + "L.Trainer().fit(object(), datamodule=Data())",
        LIGHTNING
        + "class Data(L.LightningDataModule):\n    def __init__(self, workers=0): self.save_hyperparameters()\n"
        + "    def train_dataloader(self):\n        return DataLoader([1], num_workers=self.hparams.workers)\n"
        + "L.Trainer().fit(object(), datamodule=Data())",
    ),
    "lightning, a command line of the file's own": (
        LIGHTNING
        + "from lightning.pytorch.cli import LightningCLI\nclass Data(L.LightningDataModule):\n"
        + "    def train_dataloader(self):\n        return loader\nclass Line(LightningCLI): pass\nLine(None, Data)",
        LIGHTNING
        + "from lightning.pytorch.cli import LightningCLI\nclass Data(L.LightningDataModule):\n"
        + "    def train_dataloader(self):\n        return loader\nclass Line(LightningCLI): pass\n"
        + "Line(None, Data, run=False)",
    ),
    "lightning, a data module of torch_geometric": (
        LIGHTNING
        + "from torch_geometric.data.lightning import LightningNodeData\n"
        + "L.Trainer().fit(object(), LightningNodeData(1, num_workers=2))",
        LIGHTNING
        + "from torch_geometric.data.lightning import LightningNodeData\n"
        + "L.Trainer().fit(object(), LightningNodeData(1))",
    ),
    "pytorch-forecasting": (
        LIGHTNING
        + "from pytorch_forecasting import TimeSeriesDataSet\nseries = TimeSeriesDataSet.from_dataset(1)\n"
        + "L.Trainer().fit(object(), series.to_dataloader(train=True, num_workers=2))",
        LIGHTNING
        + "from pytorch_forecasting import TimeSeriesDataSet\nseries = TimeSeriesDataSet.from_dataset(1)\n"
        + "L.Trainer().fit(object(), series.to_dataloader(train=True, num_workers=0))",
    ),
    "lightning, its command line": (
        """
        from lightning.pytorch.cli import LightningCLI
        from lightning import LightningDataModule
        from torch.utils.data import DataLoader
        class Data(LightningDataModule):
            def train_dataloader(self):
                return DataLoader([1], num_workers=4)
        LightningCLI(datamodule_class=Data)
        """,
        """
        from lightning.pytorch.cli import LightningCLI
        from lightning import LightningDataModule
        from torch.utils.data import DataLoader
        class Data(LightningDataModule):
            def train_dataloader(self):
                return DataLoader([1], num_workers=4)
        LightningCLI(datamodule_class=Data, run=False)
        """,
    ),
    "fabric": (
        LOADER + "from lightning.fabric import Fabric\nfabric = Fabric()\n"
        "ready = fabric.setup_dataloaders(loader)\nfor batch in ready: pass",
        LOADER + "from lightning.fabric import Fabric\nfabric = Fabric()\nready = fabric.setup_dataloaders(loader)",
    ),
    "fabric, two loaders": (
        LOADER + "import lightning as L\nfabric = L.Fabric()\n"
        "a, b = fabric.setup_dataloaders(DataLoader([1]), loader)\nfor batch in b: pass",
        LOADER + "import lightning as L\nfabric = L.Fabric()\n"
        "a, b = fabric.setup_dataloaders(DataLoader([1]), loader)\nfor batch in a: pass",
    ),
    "accelerate": (
        LOADER + "from accelerate import Accelerator\nready = Accelerator().prepare(loader)\nfor b in ready: pass",
        LOADER + "from accelerate import Accelerator\nready = Accelerator().prepare(loader)\nlen(ready)",
    ),
    "accelerate, several": (
        LOADER + "from accelerate import Accelerator\na = Accelerator()\nmodel, loader = a.prepare(object(), loader)\n"
        "for b in loader: pass",
        LOADER + "from accelerate import Accelerator\na = Accelerator()\n"
        "model, loader = a.prepare(object(), DataLoader([1]))\nfor b in loader: pass",
    ),
    "accelerate, in a function": (
        LOADER + "from accelerate import Accelerator\ndef main(a, data):\n    model, data = a.prepare(object(), data)\n"
        "    for epoch in range(2):\n        for b in data: pass\nmain(Accelerator(), loader)",
        LOADER + "from accelerate import Accelerator\ndef main(a, data):\n    model, data = a.prepare(object(), data)\n"
        "    for epoch in range(2):\n        for b in data: pass\nmain(Accelerator(), DataLoader([1]))",
    ),
    "huggingface": (
        (
            "from transformers import Trainer, TrainingArguments\n"
            "Trainer(args=TrainingArguments('o', dataloader_num_workers=4)).train()"
        ),
        (
            "from transformers import Trainer, TrainingArguments\n"
            "Trainer(args=TrainingArguments('o', dataloader_num_workers=0)).train()"
        ),
    ),
    "huggingface, an argument that is set afterwards": (
        (
            "from transformers import Trainer, TrainingArguments\nargs = TrainingArguments('o')\n"
            "args.dataloader_num_workers = 4\nTrainer(args=args).train()"
        ),
        (
            "from transformers import Trainer, TrainingArguments as A\nargs = A('o', dataloader_num_workers=4)\n"
            "args.dataloader_num_workers = 0\nTrainer(args=args).train()"
        ),
    ),
    "detectron2": (
        (
            "from detectron2.config import get_cfg\nfrom detectron2.engine import DefaultTrainer\ncfg = get_cfg()\n"
            "DefaultTrainer(cfg).train()"
        ),
        (
            "from detectron2.config import get_cfg\nfrom detectron2.engine import DefaultTrainer\ncfg = get_cfg()\n"
            "cfg.DATALOADER.NUM_WORKERS = 0\nDefaultTrainer(cfg).train()"
        ),
    ),
    "ultralytics, weights that are loaded": (
        "from ultralytics import YOLO\nYOLO('n.yaml').load('n.pt').train(data='coco8.yaml')",
        "from ultralytics import YOLO\nYOLO('n.yaml').load('n.pt').model.train(True)",
    ),
    "huggingface, a class of the file's own": (
        (
            "from transformers import Trainer, TrainingArguments\nclass Mine(Trainer): pass\n"
            "t = Mine(None, TrainingArguments('o', dataloader_num_workers=4))\nt.train()"
        ),
        (
            "from transformers import Trainer, TrainingArguments\nclass Mine(Trainer): pass\n"
            "t = Mine(None, TrainingArguments('o', dataloader_num_workers=4))\n"
        ),
    ),
    "huggingface, sequences": (
        (
            "from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments as A\n"
            "t = Seq2SeqTrainer(args=A('o', dataloader_num_workers=4))\nt.evaluate()"
        ),
        (
            "from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments as A\n"
            "t = Seq2SeqTrainer(args=A('o'))\nt.evaluate()"
        ),
    ),
    "trl": (
        "from trl import SFTTrainer, SFTConfig\nSFTTrainer(args=SFTConfig(dataloader_num_workers=4)).train()",
        "from trl import SFTTrainer, SFTConfig\nSFTTrainer(args=SFTConfig()).train()",
    ),
    "fastai": (
        LOADER + "from fastai.vision.all import Learner, DataLoaders\n"
        "learn = Learner(DataLoaders(loader, loader), None)\nlearn.fit(1)",
        LOADER + "from fastai.vision.all import Learner, DataLoaders\n"
        "learn = Learner(DataLoaders(DataLoader([1]), DataLoader([1])), None)\nlearn.fit(1)",
    ),
    "fastai, its own loaders": (
        (
            "from fastai.vision.all import *\ndls = ImageDataLoaders.from_folder('x')\n"
            "learn = vision_learner(dls, resnet34)\nlearn.fine_tune(1)"
        ),
        (
            "from fastai.vision.all import *\ndls = ImageDataLoaders.from_folder('x', num_workers=0)\n"
            "learn = vision_learner(dls, resnet34)\nlearn.fine_tune(1)"
        ),
    ),
    "ignite": (
        LOADER + "from ignite.engine import create_supervised_trainer\nt = create_supervised_trainer(1, 2, 3)\n"
        "t.run(loader)",
        LOADER + "from ignite.engine import create_supervised_trainer\nt = create_supervised_trainer(1, 2, 3)\n"
        "t.run([1])",
    ),
    "ignite, a handler": (
        LOADER + "from ignite.engine import Engine, Events\nengine = Engine(print)\n"
        "@engine.on(Events.COMPLETED)\ndef check(engine):\n    list(loader)\nengine.run([1])",
        LOADER + "from ignite.engine import Engine, Events\nengine = Engine(print)\n"
        "@engine.on(Events.COMPLETED)\ndef check(engine):\n    list(loader)\n",
    ),
    "ignite, a handler that is added": (
        LOADER + "from ignite.engine import Engine, Events\nengine = Engine(print)\n"
        "def check(engine):\n    list(loader)\nengine.add_event_handler(Events.COMPLETED, check)\nengine.run([1])",
        LOADER + "from ignite.engine import Engine, Events\nengine = Engine(print)\n"
        "def check(engine):\n    len(loader)\nengine.add_event_handler(Events.COMPLETED, check)\nengine.run([1])",
    ),
    "ignite, an engine": (
        LOADER + "from ignite.engine import Engine\nEngine(print).run(data=loader)",
        LOADER + "from ignite.engine import Engine\nEngine(print).add_event_handler(loader)",
    ),
    "ultralytics": (
        "from ultralytics import YOLO\nmodel = YOLO('n.pt')\nmodel.train(data='coco8.yaml')",
        "from ultralytics import YOLO\nmodel = YOLO('n.pt')\nmodel.train(data='coco8.yaml', workers=0)",
    ),
    "sentence-transformers": (
        LOADER + "from sentence_transformers import SentenceTransformer\nmodel = SentenceTransformer('x')\n"
        "model.fit(train_objectives=[(loader, object())])",
        LOADER + "from sentence_transformers import SentenceTransformer\nmodel = SentenceTransformer('x')\n"
        "model.fit(train_objectives=[(DataLoader([1]), object())])",
    ),
    "skorch": (
        (
            "from skorch import NeuralNetClassifier\nnet = NeuralNetClassifier(1, iterator_train__num_workers=4)\n"
            "net.fit(1, 2)"
        ),
        "from skorch import NeuralNetClassifier\nnet = NeuralNetClassifier(1)\nnet.fit(1, 2)",
    ),
}

ITERATES = {
    "a loop": ("for batch in loader: pass", "for batch in loader.dataset: pass"),
    "tqdm": ("from tqdm import tqdm\nfor batch in tqdm(loader): pass", "from tqdm import tqdm\nbar = tqdm(loader)"),
    "tqdm, a module": ("import tqdm\nfor b in tqdm.tqdm(loader): pass", "import tqdm\ntqdm.tqdm(loader)"),
    "tqdm, iterable=": (
        "from tqdm.auto import tqdm\nfor b in tqdm(iterable=loader): pass",
        "from tqdm.auto import tqdm\nfor b in tqdm(range(len(loader))): pass",
    ),
    "tqdm, with": (
        "from tqdm import tqdm\nwith tqdm(loader) as bar:\n    for b in bar: pass",
        "from tqdm import tqdm\nwith tqdm(total=len(loader)) as bar:\n    bar.update()",
    ),
    "tqdm of enumerate": (
        "from tqdm import tqdm\nfor i, b in tqdm(enumerate(loader), total=len(loader)): pass",
        "from tqdm import tqdm\nfor i, b in tqdm(enumerate([1]), total=len(loader)): pass",
    ),
    "enumerate of tqdm": (
        "from tqdm import tqdm\nfor i, b in enumerate(tqdm(loader), 1): pass",
        "from tqdm import tqdm\nfor i, b in enumerate(tqdm([1]), 1): pass",
    ),
    "trange": ("from tqdm import trange\nfor i in trange(2):\n    list(loader)", "from tqdm import trange\ntrange(2)"),
    "enumerate": ("for i, b in enumerate(loader): pass", "pairs = enumerate(loader)"),
    "zip": ("for a, b in zip(range(2), loader): pass", "pairs = zip(range(2), loader)"),
    "zip of several loaders": (
        "loaders = []\nloaders.append(loader)\nfor batches in zip(*loaders): pass",
        "loaders = []\nloaders.append([1])\nfor batches in zip(*loaders): pass",
    ),
    "islice": (
        "import itertools as it\nfor b in it.islice(loader, 2): pass",
        "import itertools as it\nit.islice(loader, 2)",
    ),
    "cycle": (
        "from itertools import cycle\nbatches = cycle(loader)\nnext(batches)",
        "from itertools import cycle\nbatches = cycle(loader)",
    ),
    "next of iter": ("batch = next(iter(loader))", "batch = next(iter(loader.dataset))"),
    "iter": ("batches = iter(loader)", "batches = loader.__len__()"),
    "iter by its method": ("batches = loader.__iter__()", "batches = loader.__class__"),
    "list": ("batches = list(loader)", "batches = [loader]"),
    "sum": ("total = sum(len(batch) for batch in loader)", "total = sum(len(each) for each in [loader])"),
    "a generator expression": ("lazy = (b for b in loader)", "lazy = (b for b in [loader])"),
    "a dict": ("table = {k: v for k, v in loader}", "table = {k: loader for k in 'ab'}"),
    "a loop over loaders": (
        "for name, part in [('train', loader)]:\n    for batch in part: pass",
        "for name, part in [('train', loader)]:\n    print(name, len(part))",
    ),
    "a loop in a loop": (
        "for epoch in range(3):\n    for batch in loader: pass",
        "for epoch in range(3):\n    print(len(loader))",
    ),
    "while": ("while True:\n    batch = next(iter(loader))\n    break", "while True:\n    break"),
    "yield from": (
        "def batches():\n    yield from loader\nfor batch in batches(): pass",
        "def batches():\n    yield from loader\nall = batches()",
    ),
    "a prefetcher of the file's own": (
        "class Prefetcher:\n    def __init__(self, loader):\n        self.batches = iter(loader)\nPrefetcher(loader)",
        "class Prefetcher:\n    def __init__(self, loader):\n        self.loader = loader\nPrefetcher(loader)",
    ),
    "a wrapper of the file's own": (
        (
            "class Moved:\n    def __init__(self, loader):\n        self.loader = loader\n"
            "    def __iter__(self):\n        for batch in self.loader:\n            yield batch\n"
            "for batch in Moved(loader): pass"
        ),
        (
            "class Moved:\n    def __init__(self, loader):\n        self.loader = loader\n"
            "    def __iter__(self):\n        for batch in self.loader:\n            yield batch\n"
            "moved = Moved(loader)"
        ),
    ),
    "async for": (
        "import asyncio\nasync def main():\n    for b in loader: pass\nasyncio.run(main())",
        "import asyncio\nasync def main():\n    for b in loader: pass\n",
    ),
    "an assert": ("assert len(list(loader)) == 2", "assert len(loader) == 2"),
    "a default": ("def f(batches=list(loader)): pass", "def f(batches=loader): pass"),
    "in try": (
        "try:\n    list(loader)\nexcept ValueError:\n    raise",
        "try:\n    len(loader)\nexcept ValueError:\n    raise",
    ),
    "a call with a star": ("print(*loader)", "print(*loader.dataset)"),
    "a call with a star, in a function": (
        "def show(batches): print(*batches)\nshow(loader)",
        "def show(*batches): print(*batches)\nshow(loader)",
    ),
    "a list with a star": ("batches = [*loader]", "batches = [*loader.dataset]"),
    "unpacking": ("one, two = loader", "one, two = loader, loader"),
    "unpacking with a star": ("[one, *rest] = loader", "[one, *rest] = loader, loader"),
    "in": ("if 3 in loader: pass", "if 3 in loader.dataset: pass"),
    "not in": ("assert 3 not in loader", "assert loader not in [1]"),
    "dict": ("table = dict(loader)", "table = dict(batches=loader)"),
    "zip with a star": ("pairs = zip(*loader)", "pairs = zip(loader)"),
    "the value of yield from": (
        "def batches():\n    last = yield from loader\nfor batch in batches(): pass",
        "def batches():\n    last = yield loader\nfor batch in batches(): pass",
    ),
    "a subset of the loader": (
        "from torch.utils.data import DataLoader, Subset\nfor b in DataLoader(Subset([1], [0]), num_workers=1): pass",
        "from torch.utils.data import DataLoader, Subset\nfor b in Subset([1], [0]): pass",
    ),
    "map": ("from torch import stack\nlist(map(stack, loader))", "from torch import stack\nmap(stack, loader)"),
    "numpy": (
        "import numpy as np\na = np.concatenate([b for b in loader])",
        "import numpy as np\na = np.ones(len(loader))",
    ),
}

MAKE = "from torch.utils.data import DataLoader\n"
USE = "for batch in DataLoader([1], num_workers={}): pass\n"
PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"
COUNTS = {
    "a number": (MAKE + USE.format(4), MAKE + USE.format(0)),
    "a constant": (MAKE + "WORKERS = 4\n" + USE.format("WORKERS"), MAKE + "WORKERS = 0\n" + USE.format("WORKERS")),
    "a constant of another file": (
        "# config.py\nWORKERS = 4\n# script.py\nimport config\n" + MAKE + USE.format("config.WORKERS"),
        "# config.py\nWORKERS = 0\n# script.py\nimport config\n" + MAKE + USE.format("config.WORKERS"),
    ),
    "an imported constant": (
        "# config.py\nWORKERS = 4\n# script.py\nfrom config import *\n" + MAKE + USE.format("WORKERS"),
        "# config.py\nWORKERS = 0\n# script.py\nfrom config import *\n" + MAKE + USE.format("WORKERS"),
    ),
    "an option": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', type=int, default=4)\nargs = parser.parse_args()\n"
        + USE.format("args.workers"),
        MAKE
        + PARSER
        + "parser.add_argument('--workers', type=int, default=0)\nargs = parser.parse_args()\n"
        + USE.format("args.workers"),
    ),
    "an option whose default is text": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', type=int, default='4')\nargs = parser.parse_args()\n"
        + USE.format("args.workers"),
        MAKE
        + PARSER
        + "parser.add_argument('--workers', type=int, default='0')\nargs = parser.parse_args()\n"
        + USE.format("args.workers"),
    ),
    "an option that is converted": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\n"
        + USE.format("int(args.workers)"),
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=0)\nargs = parser.parse_args()\n"
        + USE.format("int(args.workers)"),
    ),
    "an option kept in a name": (
        MAKE + PARSER + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\n"
        "count = int(args.workers)\n" + USE.format("count"),
        MAKE + PARSER + "parser.add_argument('--workers', default=0)\nargs = parser.parse_args()\n"
        "count = int(args.workers)\n" + USE.format("count"),
    ),
    "an option among known ones": (
        MAKE
        + PARSER
        + "parser.add_argument('-j', '--workers', default=4)\nargs, rest = parser.parse_known_args()\n"
        + USE.format("args.workers"),
        MAKE
        + PARSER
        + "parser.add_argument('-j', '--workers', default=0)\nargs, rest = parser.parse_known_args()\n"
        + USE.format("args.workers"),
    ),
    "an option with a dest": (
        MAKE
        + PARSER
        + "parser.add_argument('-j', dest='jobs', default=4)\nargs = parser.parse_args()\n"
        + USE.format("args.jobs"),
        MAKE
        + PARSER
        + "parser.add_argument('-j', dest='jobs', default=0)\nargs = parser.parse_args()\n"
        + USE.format("args.jobs"),
    ),
    "set_defaults": (
        MAKE
        + PARSER
        + "parser.add_argument('-j', '--jobs')\nparser.set_defaults(jobs=4)\nargs = parser.parse_args()\n"
        + USE.format("args.jobs"),
        MAKE + PARSER + "parser.add_argument('-j', '--jobs', default=4)\nparser.set_defaults(jobs=0)\n"
        "args = parser.parse_args()\n" + USE.format("args.jobs"),
    ),
    "the arguments handed on": (
        MAKE + PARSER + "parser.add_argument('--workers', default=4)\n"
        "def main(args):\n    for b in DataLoader([1], num_workers=args.workers): pass\nmain(parser.parse_args())",
        MAKE + PARSER + "parser.add_argument('--workers', default=0)\n"
        "def main(args):\n    for b in DataLoader([1], num_workers=args.workers): pass\nmain(parser.parse_args())",
    ),
    "the arguments of another file's function": (
        "# options.py\n" + PARSER + "parser.add_argument('--workers', default=4)\ndef get():\n"
        "    return parser.parse_args()\n# script.py\nfrom options import get\n"
        + MAKE
        + "opt = get()\n"
        + USE.format("opt.workers"),
        "# options.py\n" + PARSER + "parser.add_argument('--workers', default=0)\ndef get():\n"
        "    return parser.parse_args()\n# script.py\nfrom options import get\n"
        + MAKE
        + "opt = get()\n"
        + USE.format("opt.workers"),
    ),
    "the arguments on self": (
        MAKE + PARSER + "parser.add_argument('--workers', default=4)\n"
        "class T:\n    def __init__(self, args):\n        self.args = args\n    def fit(self):\n"
        "        for b in DataLoader([1], num_workers=self.args.workers): pass\nT(parser.parse_args()).fit()",
        MAKE + PARSER + "parser.add_argument('--workers', default=0)\n"
        "class T:\n    def __init__(self, args):\n        self.args = args\n    def fit(self):\n"
        "        for b in DataLoader([1], num_workers=self.args.workers): pass\nT(parser.parse_args()).fit()",
    ),
    "one argument handed on": (
        MAKE + PARSER + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\n"
        "def main(n):\n    for b in DataLoader([1], num_workers=n): pass\nmain(args.workers)",
        MAKE + PARSER + "parser.add_argument('--workers', default=0)\nargs = parser.parse_args()\n"
        "def main(n):\n    for b in DataLoader([1], num_workers=n): pass\nmain(args.workers)",
    ),
    "vars of the arguments": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=4)\nargs = vars(parser.parse_args())\n"
        + USE.format("args['workers']"),
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=0)\nargs = vars(parser.parse_args())\n"
        + USE.format("args['workers']"),
    ),
    "vars of the arguments, spread": (
        MAKE + PARSER + "parser.add_argument('--workers', default=4)\n"
        "def main(workers):\n    for b in DataLoader([1], num_workers=workers): pass\n"
        "main(**vars(parser.parse_args()))",
        MAKE + PARSER + "parser.add_argument('--workers', default=0)\n"
        "def main(workers):\n    for b in DataLoader([1], num_workers=workers): pass\n"
        "main(**vars(parser.parse_args()))",
    ),
    "an argument that is set afterwards": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=0)\nargs = parser.parse_args()\nargs.workers = 4\n"
        + USE.format("args.workers"),
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\nargs.workers = 0\n"
        + USE.format("args.workers"),
    ),
    "two options of other programs": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\n"
        + USE.format("args.workers"),
        "# other.py\n"
        + PARSER
        + "parser.add_argument('--workers', default=4)\n# script.py\n"
        + MAKE
        + PARSER
        + "parser.add_argument('--workers', default=0)\nargs = parser.parse_args()\n"
        + USE.format("args.workers"),
    ),
    "a namespace": (
        MAKE + "from argparse import Namespace\nargs = Namespace(workers=4)\n" + USE.format("args.workers"),
        MAKE + "from argparse import Namespace\nargs = Namespace(workers=0)\n" + USE.format("args.workers"),
    ),
    "a simple namespace": (
        MAKE + "import types\ncfg = types.SimpleNamespace(workers=4)\n" + USE.format("cfg.workers"),
        MAKE + "import types\ncfg = types.SimpleNamespace(workers=0)\n" + USE.format("cfg.workers"),
    ),
    "an easydict": (
        MAKE + "from easydict import EasyDict as edict\ncfg = edict({'workers': 4})\n" + USE.format("cfg.workers"),
        MAKE + "from easydict import EasyDict as edict\ncfg = edict({'workers': 0})\n" + USE.format("cfg.workers"),
    ),
    "an easydict that is filled": (
        MAKE + "from easydict import EasyDict\ncfg = EasyDict()\ncfg.workers = 4\n" + USE.format("cfg.workers"),
        MAKE + "from easydict import EasyDict\ncfg = EasyDict()\ncfg.workers = 0\n" + USE.format("cfg.workers"),
    ),
    "omegaconf": (
        MAKE
        + "from omegaconf import OmegaConf\ncfg = OmegaConf.create({'data': {'workers': 4}})\n"
        + USE.format("cfg.data.workers"),
        MAKE
        + "from omegaconf import OmegaConf\ncfg = OmegaConf.create({'data': {'workers': 0}})\n"
        + USE.format("cfg.data.workers"),
    ),
    "a dict": (
        MAKE + "cfg = {'workers': 4}\n" + USE.format("cfg['workers']"),
        MAKE + "cfg = {'workers': 0}\n" + USE.format("cfg['workers']"),
    ),
    "a dict in a dict": (
        MAKE + "cfg = {'data': {'workers': 4}}\n" + USE.format("cfg['data']['workers']"),
        MAKE + "cfg = {'data': {'workers': 0}}\n" + USE.format("cfg['data']['workers']"),
    ),
    "dict()": (
        MAKE + "cfg = dict(workers=4)\n" + USE.format("cfg['workers']"),
        MAKE + "cfg = dict(workers=0)\n" + USE.format("cfg['workers']"),
    ),
    "dict() in dict()": (
        MAKE + "cfg = dict(data=dict(workers=4))\n" + USE.format("cfg['data']['workers']"),
        MAKE + "cfg = dict(data=dict(workers=0))\n" + USE.format("cfg['data']['workers']"),
    ),
    "get of a dict": (
        MAKE + "cfg = {'workers': 4}\n" + USE.format("cfg.get('workers', 0)"),
        MAKE + "cfg = {'workers': 0}\n" + USE.format("cfg.get('workers', 4)"),
    ),
    "get of a dict, by default": (
        MAKE + "cfg = {'batch': 4}\n" + USE.format("cfg.get('workers', 2)"),
        MAKE + "cfg = {'batch': 4}\n" + USE.format("cfg.get('workers', 0)"),
    ),
    "get of an unknown dict": (
        MAKE + "import json\ncfg = json.load(open('c'))\n" + USE.format("cfg.get('workers', 4)"),
        MAKE + "import json\ncfg = json.load(open('c'))\n" + USE.format("cfg.get('workers', 0)"),
    ),
    "an item set in a dict": (
        MAKE + "cfg = {}\ncfg['workers'] = 4\n" + USE.format("cfg['workers']"),
        MAKE + "cfg = {}\ncfg['workers'] = 0\n" + USE.format("cfg['workers']"),
    ),
    "a dict handed on": (
        MAKE + "def main(cfg):\n    for b in DataLoader([1], num_workers=cfg['workers']): pass\nmain({'workers': 4})",
        MAKE + "def main(cfg):\n    for b in DataLoader([1], num_workers=cfg['workers']): pass\nmain({'workers': 0})",
    ),
    "a dict of keywords": (
        MAKE + "kwargs = {'num_workers': 4}\nfor b in DataLoader([1], **kwargs): pass",
        MAKE + "kwargs = {'num_workers': 0}\nfor b in DataLoader([1], **kwargs): pass",
    ),
    "a configuration that is handed on whole": (
        MAKE + "import yaml\ncfg = yaml.safe_load('x')\nfor b in DataLoader([1], num_workers=2, **cfg['loader']): pass",
        MAKE + "import yaml\ncfg = yaml.safe_load('x')\nfor b in DataLoader([1], **cfg['loader']): pass",
    ),
    "a configuration that a function is given whole": (
        MAKE + "import json\ndef make(workers=0): return DataLoader([1], num_workers=workers)\n"
        "list(make(**json.load(open('x'))))",
        MAKE + "import json\ndef make(workers=0): return DataLoader([1], num_workers=workers)\nlist(make())",
    ),
    "a dict of keywords with a condition": (
        MAKE + "import torch\nkwargs = {'num_workers': 1} if torch.cuda.is_available() else {}\n"
        "for b in DataLoader([1], **kwargs): pass",
        MAKE + "import torch\nkwargs = {'pin_memory': True} if torch.cuda.is_available() else {}\n"
        "for b in DataLoader([1], **kwargs): pass",
    ),
    "a dict of keywords that is updated": (
        MAKE + "kwargs = {'batch_size': 4}\ncuda = {'num_workers': 1}\nkwargs.update(cuda)\n"
        "for b in DataLoader([1], **kwargs): pass",
        MAKE + "kwargs = {'batch_size': 4}\ncuda = {'pin_memory': True}\nkwargs.update(cuda)\n"
        "for b in DataLoader([1], **kwargs): pass",
    ),
    "a dataclass": (
        MAKE + "from dataclasses import dataclass\n@dataclass\nclass Config:\n    workers: int = 4\n"
        "cfg = Config()\n" + USE.format("cfg.workers"),
        MAKE + "from dataclasses import dataclass\n@dataclass\nclass Config:\n    workers: int = 0\n"
        "cfg = Config()\n" + USE.format("cfg.workers"),
    ),
    "a dataclass with an argument": (
        MAKE + "from dataclasses import dataclass\n@dataclass\nclass Config:\n    workers: int = 0\n"
        "cfg = Config(workers=4)\n" + USE.format("cfg.workers"),
        MAKE + "from dataclasses import dataclass\n@dataclass\nclass Config:\n    workers: int = 4\n"
        "cfg = Config(workers=0)\n" + USE.format("cfg.workers"),
    ),
    "a dataclass with a position": (
        MAKE + "from dataclasses import dataclass\n@dataclass\nclass Config:\n    path: str\n    workers: int = 0\n"
        "cfg = Config('x', 4)\n" + USE.format("cfg.workers"),
        MAKE + "from dataclasses import dataclass\n@dataclass\nclass Config:\n    path: str\n    workers: int = 4\n"
        "cfg = Config('x', 0)\n" + USE.format("cfg.workers"),
    ),
    "a dataclass's field": (
        MAKE + "from dataclasses import dataclass, field\n@dataclass\nclass Config:\n"
        "    workers: int = field(default=4)\ncfg = Config()\n" + USE.format("cfg.workers"),
        MAKE + "from dataclasses import dataclass, field\n@dataclass\nclass Config:\n"
        "    workers: int = field(default=0)\ncfg = Config()\n" + USE.format("cfg.workers"),
    ),
    "a dataclass in a dataclass": (
        MAKE + "from dataclasses import dataclass, field\n@dataclass\nclass Data:\n    workers: int = 4\n"
        "@dataclass\nclass Config:\n    data: Data = field(default_factory=Data)\ncfg = Config()\n"
        + USE.format("cfg.data.workers"),
        MAKE + "from dataclasses import dataclass, field\n@dataclass\nclass Data:\n    workers: int = 0\n"
        "@dataclass\nclass Config:\n    data: Data = field(default_factory=Data)\ncfg = Config()\n"
        + USE.format("cfg.data.workers"),
    ),
    "a class of constants": (
        MAKE + "class Config:\n    workers = 4\n" + USE.format("Config.workers"),
        MAKE + "class Config:\n    workers = 0\n" + USE.format("Config().workers"),
    ),
    "a condition": (
        MAKE + "import torch\n" + USE.format("4 if torch.cuda.is_available() else 0"),
        MAKE + "import torch\n" + USE.format("0 if torch.cuda.is_available() else 0"),
    ),
    "a condition on the system": (
        MAKE + "import os\n" + USE.format("0 if os.name == 'nt' else 4"),
        MAKE + "import os\n" + USE.format("0 if os.name == 'nt' else 0"),
    ),
    "an if": (
        MAKE + "import sys\nn = 0\nif sys.platform == 'linux':\n    n = 4\n" + USE.format("n"),
        MAKE + "import sys\nn = 4\nif sys.platform == 'linux':\n    n = 2\nn = 0\n" + USE.format("n"),
    ),
    "the number of processors": (
        MAKE + "import os\n" + USE.format("os.cpu_count()"),
        MAKE + "import os\n" + USE.format("0 * os.cpu_count()"),
    ),
    "some of the processors": (
        MAKE + "import os\n" + USE.format("min(os.cpu_count(), 4)"),
        MAKE + "import os\n" + USE.format("min(os.cpu_count(), 0)"),
    ),
    "half the processors": (
        MAKE + "import multiprocessing\n" + USE.format("multiprocessing.cpu_count() // 2"),
        MAKE + "import multiprocessing\n" + USE.format("multiprocessing.cpu_count() * 0"),
    ),
    "or": (MAKE + "import os\n" + USE.format("os.cpu_count() or 1"), MAKE + USE.format("None or 0")),
    "arithmetic": (MAKE + "N = 2\n" + USE.format("N * 2"), MAKE + "N = 0\n" + USE.format("N * 2")),
    "the environment": (
        MAKE + "import os\n" + USE.format("int(os.environ.get('WORKERS', 4))"),
        MAKE + "import os\n" + USE.format("int(os.environ.get('WORKERS', '0'))"),
    ),
    "the environment, getenv": (
        MAKE + "import os\n" + USE.format("int(os.getenv('WORKERS', 4))"),
        MAKE + "import os\n" + USE.format("int(os.getenv('WORKERS', 0))"),
    ),
    "the environment, required": (
        MAKE + "import os\n" + USE.format("int(os.environ['WORKERS'])"),
        MAKE + "import os\n" + USE.format("int('0')"),
    ),
    "a parameter": (
        MAKE + "def go(n):\n    list(DataLoader([1], num_workers=n))\ngo(4)",
        MAKE + "def go(n):\n    list(DataLoader([1], num_workers=n))\ngo(0)",
    ),
    "a parameter's default": (
        MAKE + "def go(n=4):\n    list(DataLoader([1], num_workers=n))\ngo()",
        MAKE + "def go(n=0):\n    list(DataLoader([1], num_workers=n))\ngo()",
    ),
    "a parameter by name": (
        MAKE + "def go(*, n=0):\n    list(DataLoader([1], num_workers=n))\ngo(n=4)",
        MAKE + "def go(*, n=4):\n    list(DataLoader([1], num_workers=n))\ngo(n=0)",
    ),
    "a parameter through two functions": (
        MAKE + "def make(n):\n    return DataLoader([1], num_workers=n)\ndef go(n):\n    list(make(n))\ngo(4)",
        MAKE + "def make(n):\n    return DataLoader([1], num_workers=n)\ndef go(n):\n    list(make(n))\ngo(0)",
    ),
    "keywords handed on": (
        MAKE + "def make(**kw):\n    return DataLoader([1], **kw)\nlist(make(num_workers=4))",
        MAKE + "def make(**kw):\n    return DataLoader([1], **kw)\nlist(make(num_workers=0))",
    ),
    "an attribute of the constructor's argument": (
        MAKE + "class T:\n    def __init__(self, n=0):\n        self.n = n\n    def go(self):\n"
        "        list(DataLoader([1], num_workers=self.n))\nT(4).go()",
        MAKE + "class T:\n    def __init__(self, n=0):\n        self.n = n\n    def go(self):\n"
        "        list(DataLoader([1], num_workers=self.n))\nT().go()",
    ),
    "an option of click": (
        MAKE + "import click\n@click.command()\n@click.option('--workers', default=4)\ndef main(workers):\n"
        "    list(DataLoader([1], num_workers=workers))\nmain()",
        MAKE + "import click\n@click.command()\n@click.option('--workers', default=0)\ndef main(workers):\n"
        "    list(DataLoader([1], num_workers=workers))\nmain()",
    ),
    "an option of typer": (
        MAKE
        + "import typer\ndef main(workers: int = 4):\n    list(DataLoader([1], num_workers=workers))\ntyper.run(main)",
        MAKE
        + "import typer\ndef main(workers: int = 0):\n    list(DataLoader([1], num_workers=workers))\ntyper.run(main)",
    ),
    "an option of typer, spelled out": (
        MAKE + "import typer\ndef main(workers: int = typer.Option(4)):\n"
        "    list(DataLoader([1], num_workers=workers))\ntyper.run(main)",
        MAKE + "import typer\ndef main(workers: int = typer.Option(0)):\n"
        "    list(DataLoader([1], num_workers=workers))\ntyper.run(main)",
    ),
    "a flag of absl": (
        MAKE + "from absl import app, flags\nflags.DEFINE_integer('workers', 4, 'how many')\nF = flags.FLAGS\n"
        "def main(_):\n    list(DataLoader([1], num_workers=F.workers))\napp.run(main)",
        MAKE + "from absl import app, flags\nflags.DEFINE_integer('workers', 0, 'how many')\nF = flags.FLAGS\n"
        "def main(_):\n    list(DataLoader([1], num_workers=F.workers))\napp.run(main)",
    ),
    "fire with a default": (
        MAKE + "import fire\ndef main(workers=4):\n    list(DataLoader([1], num_workers=workers))\nfire.Fire(main)",
        MAKE + "import fire\ndef main(workers=0):\n    list(DataLoader([1], num_workers=workers))\nfire.Fire(main)",
    ),
    "a number that is unpacked": (
        MAKE + "batch, n = 8, 4\n" + USE.format("n"),
        MAKE + "batch, n = 8, 0\n" + USE.format("n"),
    ),
    "a number on several names": (MAKE + "a = b = 4\n" + USE.format("b"), MAKE + "a = b = 0\n" + USE.format("b")),
    "a global": (
        MAKE + "n = 0\ndef choose():\n    global n\n    n = 4\nchoose()\n" + USE.format("n"),
        MAKE + "n = 0\ndef choose():\n    global n\n    n = 0\nchoose()\n" + USE.format("n"),
    ),
    "a walrus": (MAKE + "if n := 4:\n    " + USE.format("n"), MAKE + "if n := 0:\n    " + USE.format("n")),
    "an option in place of None": (
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=4)\nclass Config:\n    def __init__(self):\n"
        + "        self.workers = None\n        self.__dict__.update(vars(parser.parse_args()))\ncfg = Config()\n"
        + USE.format("cfg.workers"),
        MAKE
        + PARSER
        + "parser.add_argument('--workers', default=0)\nclass Config:\n    def __init__(self):\n"
        + "        self.workers = None\n        self.__dict__.update(vars(parser.parse_args()))\ncfg = Config()\n"
        + USE.format("cfg.workers"),
    ),
    "debugging": (
        MAKE + PARSER + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\n"
        "if args.debug:\n    args.workers = 0\n" + USE.format("args.workers"),
        MAKE + PARSER + "parser.add_argument('--workers', default=0)\nargs = parser.parse_args()\n"
        "if args.debug:\n    args.workers = 0\n" + USE.format("args.workers"),
    ),
}

GUARDS = {
    "equal": ("if __name__ == '__maine__'.strip('e'):\n    {}", "if __name__ == '__main__':\n    {}"),
    "reversed": ("if '__main__' != 'name':\n    {}", "if '__main__' == __name__:\n    {}"),
    "not equal": ("if __file__ != '__main__':\n    {}", "if __name__ != '__main__':\n    pass\nelse:\n    {}"),
    "not": ("if not __file__ == '__main__':\n    {}", "if not __name__ != '__main__':\n    {}"),
    "parentheses": ("if (True):\n    {}", "if (__name__ == '__main__'):\n    {}"),
    "early exit": (
        "import sys\nif __name__ == '__main__':\n    print()\n{}",
        "import sys\nif __name__ != '__main__':\n    sys.exit()\n{}",
    ),
    "early exit with a message": (
        "import sys\nif __name__ != '__main__':\n    print('not a program')\n{}",
        "import sys\nif __name__ != '__main__':\n    print('not a program')\n    sys.exit(1)\n{}",
    ),
    "early raise": (
        "if __name__ != '__main__':\n    SystemExit\n{}",
        "if __name__ != '__main__':\n    raise SystemExit\n{}",
    ),
    "early import error": (
        "if __name__ != '__main__':\n    ImportError\n{}",
        "if __name__ != '__main__':\n    raise ImportError('a program')\n{}",
    ),
    "quit": ("if __name__ != '__main__':\n    quit\n{}", "if __name__ != '__main__':\n    quit()\n{}"),
    "exit": ("if __name__ != '__main__':\n    exit\n{}", "if __name__ != '__main__':\n    exit()\n{}"),
    "os._exit": (
        "import os\nif __name__ != '__main__':\n    os._exit\n{}",
        "import os\nif __name__ != '__main__':\n    os._exit(0)\n{}",
    ),
    "in": (
        "if __name__ in ('__main__', '__mp_main__'):\n    {}",
        "if __name__ in ('__main__', '__console__'):\n    {}",
    ),
    "in a list": ("if __name__ in ['__mp_main__', '__main__']:\n    {}", "if __name__ in ['__main__']:\n    {}"),
    "in a set": ("if __name__ in {'__mp_main__', '__main__'}:\n    {}", "if __name__ in {'__main__'}:\n    {}"),
    "not in": (
        "if __file__ not in ('__main__',):\n    {}",
        "if __name__ not in ('__main__',):\n    pass\nelse:\n    {}",
    ),
    "and": (
        "import sys\nif sys.argv and len(sys.argv) > 1:\n    {}",
        "import sys\nif __name__ == '__main__' and len(sys.argv) > 1:\n    {}",
    ),
    "and, behind": ("import sys\nif sys.argv:\n    {}", "import sys\nif sys.argv and __name__ == '__main__':\n    {}"),
    "nested": (
        "import sys\nif sys.argv:\n    {}",
        "import sys\nif sys.argv:\n    if __name__ == '__main__':\n        {}",
    ),
    "elif": (
        "import sys\nif __name__ == 'work':\n    pass\nelif sys.argv:\n    {}",
        "import sys\nif __name__ == 'work':\n    pass\nelif __name__ == '__main__':\n    {}",
    ),
    "match": (
        "match __name__:\n    case '__mp_main__':\n        {}",
        "match __name__:\n    case '__main__':\n        {}",
    ),
    "match or": (
        "match __name__:\n    case '__main__' | '__mp_main__':\n        {}",
        "match __name__:\n    case '__main__' | '__console__':\n        {}",
    ),
    "match anything": (
        "match __name__:\n    case '__main__':\n        pass\n    case _:\n        {}",
        "match __name__:\n    case 'library':\n        pass\n    case '__main__':\n        {}",
    ),
    "a variable": (
        "is_main = __file__ == '__main__'\nif is_main:\n    {}",
        "is_main = __name__ == '__main__'\nif is_main:\n    {}",
    ),
    "a variable with an annotation": (
        "is_main: bool = __file__ == '__main__'\nif is_main:\n    {}",
        "is_main: bool = __name__ == '__main__'\nif is_main:\n    {}",
    ),
    "a variable and an early exit": (
        "import sys\nis_main = __name__ == '__main__'\nif is_main:\n    sys.argv\n{}",
        "import sys\nis_main = __name__ == '__main__'\nif not is_main:\n    sys.exit()\n{}",
    ),
    "a variable in a function": (
        "is_main = __file__ == '__main__'\ndef go():\n    if is_main:\n        {}\ngo()",
        "is_main = __name__ == '__main__'\ndef go():\n    if is_main:\n        {}\ngo()",
    ),
    "early return": (
        "def go():\n    if __file__ != '__main__':\n        return\n    {}\ngo()",
        "def go():\n    if __name__ != '__main__':\n        return\n    {}\ngo()",
    ),
    "a test in a function": (
        "def go():\n    if __name__ == 'go':\n        {}\ngo()",
        "def go():\n    if __name__ == '__main__':\n        {}\ngo()",
    ),
    "the process's name": (
        "import multiprocessing\nif multiprocessing.current_process().name == 'Process-1':\n    {}",
        "import multiprocessing\nif multiprocessing.current_process().name == 'MainProcess':\n    {}",
    ),
    "the process's name, torch": (
        "import torch.multiprocessing as mp\nif mp.current_process().name:\n    {}",
        "import torch.multiprocessing as mp\nif mp.current_process().name == 'MainProcess':\n    {}",
    ),
    "the parent process": (
        "import multiprocessing\nif multiprocessing.parent_process() is None:\n    {}",
        "import multiprocessing\nif multiprocessing.parent_process() is None and __name__ == '__main__':\n    {}",
    ),
    "no worker": (
        "if __name__ in ('__main__', '__mp_main__'):\n    {}",
        "if __name__ != '__mp_main__':\n    {}",
    ),
    "no worker, the other branch": (
        "if __name__ == '__mp__':\n    pass\n{}",
        "if __name__ == '__mp_main__':\n    pass\nelse:\n    {}",
    ),
    "in the name": ("if 'main' in __name__:\n    {}", "if '__main__' in __name__:\n    {}"),
    "the process's name, under another": (
        "from multiprocessing import current_process as process\nif process().name == 'Process-1':\n    {}",
        "from multiprocessing import current_process as process\nif process().name == 'MainProcess':\n    {}",
    ),
    "the process in a variable": (
        "import multiprocessing as mp\nprocess = mp.current_process()\nif process.pid:\n    {}",
        "import multiprocessing as mp\nprocess = mp.current_process()\nif process.name == 'MainProcess':\n    {}",
    ),
    "the process's name in a variable": (
        "import multiprocessing as mp\nname = mp.current_process().name\nif name:\n    {}",
        "import multiprocessing as mp\nname = mp.current_process().name\nif not name != 'MainProcess':\n    {}",
    ),
    "a conditional expression": (
        "go = (lambda: list(loader))\ngo() if loader else None\n",
        "go = (lambda: list(loader))\ngo() if __name__ == '__main__' else None\n",
    ),
    "and as a statement": (
        "go = (lambda: list(loader))\nloader and go()\n",
        "go = (lambda: list(loader))\n__name__ == '__main__' and go()\n",
    ),
    "a function that tests": (
        "def is_main():\n    return __name__ == 'library'\nif is_main():\n    {}",
        "def is_main():\n    'Run as a program?'\n    return __name__ == '__main__'\nif is_main():\n    {}",
    ),
    "try and guard": (
        "try:\n    {}\nfinally:\n    pass",
        "try:\n    if __name__ == '__main__':\n        {}\nfinally:\n    pass",
    ),
    "a loop in the guard": (
        "for x in '__main__', __name__:\n    {}",
        "if __name__ == '__main__':\n    for x in '__main__', __name__:\n        {}",
    ),
    "IPython": (
        "from IPython import get_ipython\nif get_ipython() is None:\n    {}",
        "from IPython import get_ipython\nif get_ipython():\n    {}",
    ),
}


def whole(pair: tuple[str, str]) -> tuple[str, str]:
    """Return both programs with a loader, and in place of "{}" a statement that iterates it."""
    one, other = (LOADER + text.replace("{}", "list(loader)") for text in pair)
    return one, other


SHAPES: dict[str, dict[str, tuple[str, str]]] = {
    "calls": CALLS,
    "engines": ENGINES,
    "iterates": {name: whole(pair) for name, pair in ITERATES.items()},
    "counts": COUNTS,
    "guards": {name: whole(pair) for name, pair in GUARDS.items()},
}
ALL = {f"{table}: {name}": pair for table, pairs in SHAPES.items() for name, pair in pairs.items()}


@pytest.mark.parametrize("name", ALL)
def test_what_starts_workers(name: str) -> None:
    assert starts(ALL[name][0])


@pytest.mark.parametrize("name", ALL)
def test_the_nearest_shape_that_starts_none(name: str) -> None:
    assert starts(ALL[name][1]) == []


FILES = {
    "train": True,
    "scripts__train": True,
    "examples__train": True,
    "tools__data__prepare": True,
    "pkg__train": True,
    "test_model": True,  # a program that tests a model: no test functions
    "pkg____main__": False,
    "tests__loading": False,
    "pkg__tests__loading": False,
    "conftest": False,
    "setup": False,
    "noxfile": False,
    "docs__conf": False,
    "docs__source__conf": False,
}


@pytest.mark.parametrize("name", FILES)
def test_which_files_are_meant_to_be_run(name: str) -> None:
    whole = modules(**{name: LOADER + "for batch in loader: pass"})
    (module,) = whole.modules.values()
    assert bool(unguarded(whole, module)) is FILES[name]


def test_a_file_of_test_functions_is_run_by_a_tool() -> None:
    whole = modules(test_model=LOADER + "for batch in loader: pass\ndef test_it(): pass")
    (module,) = whole.modules.values()
    assert unguarded(whole, module) == []


def test_a_notebook_saved_as_a_program_is_run() -> None:
    text = "# coding: utf-8\n# In[1]:\n" + LOADER + "# In[2]:\nget_ipython().run_line_magic('time', '')\nlist(loader)"
    assert starts(text) == [(7, "DataLoader(num_workers=2)")]


def test_a_library_that_starts_workers_is_reported_where_it_does() -> None:
    whole = modules(library=LOADER + "first = next(iter(loader))", script="import library\nprint(library.first)")
    reported = [name for name, module in whole.modules.items() if unguarded(whole, module)]
    assert reported == ["/project/library.py"]


def test_examples_in_docstrings_are_not_run() -> None:
    assert starts(LOADER + "def f():\n    '''\n    >>> for batch in loader: pass\n    '''") == []


def test_the_chain_through_three_files_has_every_line() -> None:
    whole = modules(
        script="from training import main\n\nmain()",
        training="from data import batches\n\n\ndef main():\n    for batch in batches():\n        pass",
        data="from torch.utils.data import DataLoader\n\ndef make():\n    return DataLoader([1], num_workers=2)\n\n"
        "def batches():\n    yield from make()\n",
    )
    (found,) = unguarded(whole, whole.modules["/project/script.py"])
    assert chain(found.start) == "main() → batches() → DataLoader(num_workers=2)"
    assert [(place.path.rpartition("/")[2], place.line, place.message) for place in found.start.via] == [
        ("script.py", 3, "the module calls `main`"),
        ("training.py", 5, "`main` calls `batches`"),
        ("data.py", 7, "`batches` iterates `DataLoader`"),
        ("data.py", 4, "`DataLoader(num_workers=2)`"),
    ]


CONDITIONAL = {
    "always": ("kwargs = {'num_workers': 2}\nlist(DataLoader([1], **kwargs))", "certain"),
    "put in": ("kwargs = {'batch_size': 2}\nkwargs['num_workers'] = 2\nlist(DataLoader([1], **kwargs))", "certain"),
    "in both": (
        "kwargs = {'num_workers': 2} if cuda() else {'num_workers': 1}\nlist(DataLoader([1], **kwargs))",
        "certain",
    ),
    "of another": ("some = {'num_workers': 2}\nlist(DataLoader([1], **{**some, 'pin_memory': True}))", "certain"),
    "in one": ("kwargs = {'num_workers': 2} if cuda() else {}\nlist(DataLoader([1], **kwargs))", "likely"),
    "put in on a condition": (
        "kwargs = {}\nif cuda():\n    kwargs['num_workers'] = 2\nlist(DataLoader([1], **kwargs))",
        "likely",
    ),
    "updated on a condition": (
        "kwargs = {}\nif cuda():\n    kwargs.update({'num_workers': 2})\nlist(DataLoader([1], **kwargs))",
        "likely",
    ),
    "of a function": (
        "def go(n=0): list(DataLoader([1], num_workers=n))\ngo(**({'n': 2} if cuda() else {}))",
        "likely",
    ),
}


@pytest.mark.parametrize("name", CONDITIONAL)
def test_keywords_that_are_passed_on_a_condition_are_no_proof(name: str) -> None:
    text, confidence = CONDITIONAL[name]
    whole = modules(script=MAKE + "from torch.cuda import is_available as cuda\n" + text)
    (found,) = unguarded(whole, whole.modules["/project/script.py"])
    assert found.start.confidence == confidence


def test_an_exit_on_the_way_is_told() -> None:
    whole = modules(script=CALLS["a test case's file"][0])
    (found,) = unguarded(whole, whole.modules["/project/script.py"])
    assert found.start.exits == "unittest.main"
