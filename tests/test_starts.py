from __future__ import annotations

import textwrap

import pytest

from dlsafe_lint import facts, project
from dlsafe_lint.analysis import starts
from dlsafe_lint.facts import ModuleFacts
from dlsafe_lint.project import Project, Site

LOADER = """
from torch.utils.data import DataLoader
loader = DataLoader([1, 2], num_workers=2)
"""


def _file(name: str) -> str:
    """Return the path for a name in which "__" stands for "/", but for a main module's own."""
    folder, main, _ = name.rpartition("__main__")
    return f"{folder.removesuffix('__').replace('__', '/')}/__main__" if main else name.replace("__", "/")


def modules(**sources: str) -> Project:
    read = []
    for name, source in sources.items():
        made = facts.read(
            textwrap.dedent(source),
            path=f"/project/{_file(name)}.py",
            name=name.replace("__", "."),
            is_package=False,
        )
        assert isinstance(made, ModuleFacts)
        read.append(made)
    return project.build("/project", read)


def found(source: str, **others: str) -> list[tuple[int, str]]:
    """Return the line and the chain of what the module starts at import time."""
    whole = modules(script=source, **others)
    module = whole.modules["/project/script.py"]
    return [
        (module.statements[each.at.statement].line, starts.chain(each.start))
        for each in starts.unguarded(whole, module)
    ]


@pytest.mark.parametrize(
    "use",
    [
        "for batch in loader: pass",
        "for i, batch in enumerate(loader): pass",
        "for a, b in zip(loader, range(3)): pass",
        "from tqdm import tqdm\nbar = tqdm(loader, leave=False)\nfor batch in bar: pass",
        "from tqdm.auto import tqdm\nfor i, batch in tqdm(enumerate(loader)): pass",
        "batches = [batch for batch in loader]",
        "class Batches:\n    all = list(loader)",
        "first = next(iter(loader))",
        "total = sum(map(len, loader))",
        "if True:\n    for batch in loader: pass",
        "for part in {'train': loader}.values():\n    for batch in part: pass",
        "loaders = {'train': loader}\nfor batch in loaders['train']: pass",
        "loaders = [loader, loader]\nfor each in loaders:\n    for batch in each: pass",
        "from itertools import islice\nfor batch in islice(loader, 3): pass",
        "from accelerate import Accelerator\nready = Accelerator().prepare(loader)\nfor batch in ready: pass",
        "from accelerate import Accelerator\na, b = Accelerator().prepare(object(), loader)\nfor batch in b: pass",
        "def main():\n    for batch in loader: pass\nmain()",
        "import sys\ndef main():\n    for batch in loader: pass\nsys.exit(main())",
        "import asyncio\nasync def main():\n    for batch in loader: pass\nasyncio.run(main())",
        "import fire\ndef main():\n    for batch in loader: pass\nfire.Fire(main)",
        "import typer\ndef main():\n    for batch in loader: pass\ntyper.run(main)",
        "import typer\napp = typer.Typer()\n@app.command()\ndef main():\n    for batch in loader: pass\napp()",
        "import click\n@click.group()\ndef cli(): pass\n@cli.command()\ndef main():\n    list(loader)\ncli()",
        "import hydra\n@hydra.main(config_path=None)\ndef main(cfg):\n    for batch in loader: pass\nmain()",
        "def batches(source):\n    for batch in source: yield batch\nfor batch in batches(loader): pass",
        "def batches(source):\n    yield from source\nall = list(batches(loader))",
        "def each(source, do):\n    for batch in source: do(batch)\neach(source=loader, do=print)",
        "def each(*sources):\n    for source in sources:\n        for batch in source: pass\neach(loader)",
        "def run(do): do()\ndef train():\n    for batch in loader: pass\nrun(train)",
        "train = lambda: list(loader)\ntrain()",
        """class T:
    def __init__(self, data): self.data = data
    def train(self):
        for batch in self.data: pass
T(loader).train()""",
        """class P:
    def __init__(self, data): self.data = data
    def __iter__(self):
        for batch in self.data: yield batch
for batch in P(loader): pass""",
        "for _, part in {'train': loader}.items():\n    for batch in part: pass",
        "parts = {n: loader for n in 'ab'}\nfor _, part in parts.items():\n    for batch in part: pass",
        "class B:\n    def go(self): list(self.x)\nclass C(B):\n    def __init__(self): self.x = loader\nC().go()",
        "class B:\n    def run(self): self.step()\nclass C(B):\n    def step(self): list(loader)\nC().run()",
        "class T:\n    def __call__(self): list(loader)\nT()()",
        "class T:\n    def __init__(self): list(loader)\nT()",
        "import lightning as L\ntrainer = L.Trainer()\ntrainer.fit(object(), loader)",
        "import pytorch_lightning as pl\npl.Trainer().fit(object(), val_dataloaders=[loader])",
        """import pytorch_lightning as pl
class M(pl.LightningModule):
    def train_dataloader(self): return loader
pl.Trainer().fit(M())""",
        "from ignite.engine import Engine\nengine = Engine(print)\nengine.run(loader, max_epochs=2)",
        "from torch.optim.swa_utils import update_bn\nupdate_bn(loader, object())",
    ],
)
def test_what_iterates_a_loader_starts_its_workers(use: str) -> None:
    made = found(LOADER + use)
    assert [chain.rpartition(" → ")[2] for _, chain in made] == ["DataLoader(num_workers=2)"] * len(made)
    assert made


@pytest.mark.parametrize(
    "use",
    [
        "import multiprocessing as mp\npool = mp.Pool()",
        "from multiprocessing import Pool as P\nwith P(2) as pool: pass",
        "from multiprocessing.pool import Pool\nPool(2)",
        "import torch.multiprocessing as mp\nmp.Pool(2)",
        "import multiprocessing as mp\nctx = mp.get_context('spawn')\nctx.Pool(2)",
        "import multiprocessing as mp\nmp.Manager()",
        "import multiprocessing as mp\nmp.Process(target=print).start()",
        "import multiprocessing as mp\nps = [mp.Process(target=print) for _ in range(2)]\nfor p in ps: p.start()",
        "import multiprocessing as mp\nps = []\nps.append(mp.Process(target=print))\nfor p in ps:\n    p.start()",
        "import multiprocessing as mp\np = mp.get_context('forkserver').Process(target=print)\np.start()",
        "from multiprocessing import Process\nclass W(Process):\n    def run(self): pass\nw = W()\nw.start()",
        "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor() as e: e.submit(print)",
        "import concurrent.futures as cf\ne = cf.ProcessPoolExecutor()\ne.map(print, [])",
        "import torch.multiprocessing as mp\nmp.spawn(print, nprocs=2)",
        "from torch.multiprocessing import start_processes\nstart_processes(print, nprocs=2)",
        "from tqdm.contrib.concurrent import process_map\nprocess_map(print, [1])",
        """from transformers import Trainer, TrainingArguments
args = TrainingArguments('out', dataloader_num_workers=4)
trainer = Trainer(object(), args)
trainer.train()""",
    ],
)
def test_what_starts_processes(use: str) -> None:
    assert len(found(use)) == 1


@pytest.mark.parametrize(
    "use",
    [
        "len(loader)",
        "print(loader.dataset)",
        "other = [loader]\nfor each in other: print(each)",
        "def train():\n    for batch in loader: pass",
        "def batches():\n    yield from loader\nunused = batches()",
        "class T:\n    def train(self):\n        for batch in loader: pass\nT()",
        "if __name__ == '__main__':\n    for batch in loader: pass",
        "if '__main__' == __name__:\n    for batch in loader: pass",
        "if __name__ == '__main__' or 'notebook' in __file__:\n    for batch in loader: pass",
        "if __name__ != '__main__':\n    raise SystemExit\nfor batch in loader: pass",
        "main = __name__ == '__main__'\nif main:\n    for batch in loader: pass",
        "if False:\n    for batch in loader: pass",
        "if __name__ == '__main2__':\n    for batch in loader: pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    for batch in loader: pass",
        "loader = DataLoader([1])\nfor batch in loader: pass",
        "loader = DataLoader([1], num_workers=0)\nfor batch in loader: pass",
        "loader = DataLoader([1], num_workers=2, multiprocessing_context='fork')\nfor batch in loader: pass",
        "import multiprocessing as mp\nmp.set_start_method('fork')\nfor batch in loader: pass",
        "def train(data):\n    for batch in data: pass\ntrain([1, 2])",
        "from multiprocessing.pool import ThreadPool\nThreadPool(2)",
        "from multiprocessing.dummy import Pool\nPool(2)",
        "import multiprocessing as mp\nmp.get_context('fork').Pool(2)",
        "import multiprocessing as mp\nmp.Process(target=print)",
        "from concurrent.futures import ProcessPoolExecutor\ne = ProcessPoolExecutor()",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(print)",
        "import psutil\npsutil.Process().start()",
        "class Pool:\n    pass\nPool()",
        "import threading\nthreading.Thread(target=print).start()",
        "from joblib import Parallel, delayed\nParallel(n_jobs=2)(delayed(abs)(i) for i in range(3))",
        "from torch.multiprocessing import start_processes\nstart_processes(print, start_method='fork')",
        "from transformers import Trainer, TrainingArguments\nTrainer(object(), TrainingArguments('out')).train()",
        "import lightning as L\nL.Trainer().fit(object())",
    ],
)
def test_what_starts_nothing_here(use: str) -> None:
    assert found(LOADER + use) == []


def test_the_chain_leads_through_other_modules_and_goes_with_the_arguments() -> None:
    library = """
        from torch.utils.data import DataLoader

        def make(workers=0):
            return DataLoader([1, 2], num_workers=workers)

        def train(loader):
            for batch in loader:
                pass

        def main(workers):
            train(make(workers))
    """
    assert found("from library import main\nmain(2)\nmain(0)", library=library) == [
        (2, "main() → train() → DataLoader(num_workers=workers)")
    ]
    assert found("from library import main\nmain(workers=0)", library=library) == []
    assert found("import library\nlibrary.train(library.make())", library=library) == []
    assert found("import library\nlibrary.train(library.make(3))", library=library) == [
        (2, "train() → DataLoader(num_workers=workers)")
    ]


def test_every_hop_has_its_place() -> None:
    whole = modules(
        script="from library import main\nmain()",
        library=LOADER + "def main():\n    for batch in loader:\n        pass",
    )
    (first,) = starts.at_import(whole, whole.modules["/project/script.py"])
    assert [(place.path, place.line, place.message) for place in first.start.via] == [
        ("/project/script.py", 2, "the module calls `main`"),
        ("/project/library.py", 5, "`main` iterates `loader`"),
        ("/project/library.py", 3, "`DataLoader(num_workers=2)`"),
    ]


def test_functions_that_call_each_other_are_followed_once_and_to_the_end() -> None:
    source = """
        from torch.utils.data import DataLoader

        def one(depth):
            two(depth - 1)
            for batch in DataLoader([1], num_workers=2):
                pass

        def two(depth):
            if depth:
                one(depth)

        {call}
    """
    for call in ("one(3)", "two(3)"):
        (made,) = found(textwrap.dedent(source).replace("{call}", call))
        assert made[1].endswith("DataLoader(num_workers=2)")


def test_how_sure_it_is() -> None:
    def confidence(source: str) -> str:
        whole = modules(script=source)
        (first,) = starts.at_import(whole, whole.modules["/project/script.py"])
        return first.start.confidence

    assert confidence(LOADER + "for batch in loader: pass") == "certain"
    assert confidence(LOADER.replace("2)", "opt.workers)") + "for batch in loader: pass") == "likely"
    assert confidence(LOADER + "import lightning as L\nL.Trainer().fit(object(), loader)") == "likely"


def test_a_function_is_asked_by_itself() -> None:
    whole = modules(
        library=LOADER + "def train(data):\n    for batch in data: pass\ntrain(loader)\ndef other(): pass\n"
    )
    module = whole.modules["/project/library.py"]
    by_name = {scope.name: Site(module.path, scope.index) for scope in module.scopes}
    start = starts.starts(whole, by_name["train"])
    assert start is not None
    assert start.kind == "loader"
    assert start.breaks == {"spawn", "forkserver"}
    assert starts.starts(whole, by_name["other"]) is None


def test_processes_that_are_always_spawned_break_under_fork_too() -> None:
    whole = modules(script="import torch.multiprocessing as mp\nmp.spawn(print)")
    (first,) = starts.at_import(whole, whole.modules["/project/script.py"])
    assert first.start.breaks == {"fork", "spawn", "forkserver"}


def test_main_of_a_package_and_tests_are_no_programs_that_workers_import() -> None:
    source = LOADER + "for batch in loader: pass\ndef test_it(): pass"
    for name in ("pkg____main__", "test_it", "conftest", "tests__loading"):
        whole = modules(**{name: source})
        (module,) = whole.modules.values()
        assert starts.unguarded(whole, module) == []
        assert starts.at_import(whole, module)


START = "import multiprocessing as mp\ndef work(): pass\n"
GUARDED = "if __name__ == '__main__':\n    mp.Process(target=work).start()"


@pytest.mark.parametrize(
    "setting",
    [
        "mp.set_start_method('spawn')",
        "import torch\ntorch.multiprocessing.set_start_method('spawn')",
        "from multiprocessing import set_start_method as s\ns(method='forkserver')",
        "import sys\nif sys.platform == 'linux':\n    mp.set_start_method('spawn')",
        "mp.set_start_method('spawn', force=False)",
        "def prepare():\n    mp.set_start_method('spawn')\nprepare()",
        "def prepare(method):\n    mp.set_start_method(method)\ndef begin():\n    prepare('spawn')\nbegin()",
    ],
)
def test_a_start_method_that_every_worker_sets_again(setting: str) -> None:
    whole = modules(script=f"{START}{setting}\n{GUARDED}")
    (made,) = starts.methods_set_at_import(whole, whole.modules["/project/script.py"])
    assert made.start.kind == "process"


@pytest.mark.parametrize(
    "source",
    [
        f"{START}mp.set_start_method('spawn', force=True)\n{GUARDED}",
        f"{START}mp.set_start_method('spawn', True)\n{GUARDED}",
        f"{START}mp.set_start_method('fork')\n{GUARDED}",
        f"{START}try:\n    mp.set_start_method('spawn')\nexcept RuntimeError:\n    pass\n{GUARDED}",
        f"{START}import contextlib as c\nwith c.suppress(RuntimeError):\n    mp.set_start_method('spawn')\n{GUARDED}",
        f"{START}if mp.get_start_method(True) is None:\n    mp.set_start_method('spawn')\n{GUARDED}",
        f"{START}def prepare():\n    mp.set_start_method('spawn')\n{GUARDED}",
        f"{START}def prepare():\n    mp.set_start_method('spawn', force=True)\nprepare()\n{GUARDED}",
        f"{START}def f():\n    mp.set_start_method('spawn')\ntry:\n    f()\nexcept RuntimeError:\n    pass\n{GUARDED}",
        f"{START}def prepare():\n    mp.set_start_method('spawn')\n{GUARDED}\n    prepare()",
        f"{START}mp.set_start_method('spawn')\nif __name__ == '__main__':\n    mp.Process(target=work)",
        f"{START}mp.set_sharing_strategy('file_system')\n{GUARDED}",
    ],
)
def test_a_start_method_that_is_set_once(source: str) -> None:
    whole = modules(script=source)
    assert starts.methods_set_at_import(whole, whole.modules["/project/script.py"]) == []


def test_a_start_method_that_a_library_sets_for_the_script_that_imports_it() -> None:
    library = "import multiprocessing\nmultiprocessing.set_start_method('spawn')"
    whole = modules(script=f"import library\n{START}{GUARDED}", library=library)
    (made,) = starts.methods_set_at_import(whole, whole.modules["/project/library.py"])
    assert [place.path for place in made.via] == ["/project/script.py", "/project/script.py"]
    alone = modules(script=f"{START}{GUARDED}", library=library)
    assert starts.methods_set_at_import(alone, alone.modules["/project/library.py"]) == []


def test_a_module_that_waits_for_its_own_import() -> None:
    pool = "import multiprocessing as mp\ndef work(x): return x\nwith mp.Pool(2) as pool:\n    pool.map(work, [1])"
    whole = modules(script="import library", library=pool)
    assert starts.waits_for_itself(whole, whole.modules["/project/library.py"])
    alone = modules(library=pool)
    assert not starts.waits_for_itself(alone, alone.modules["/project/library.py"])
    elsewhere = modules(script="import library", library=pool.replace("(work", "(abs"))
    assert not starts.waits_for_itself(elsewhere, elsewhere.modules["/project/library.py"])
