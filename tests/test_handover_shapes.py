"""Shapes in which people hand callables to workers, and shapes that look like it; each is one small program.

What reaches workers is reported in `REPORTED`, and nothing is in `SILENT`.
"""

from __future__ import annotations

from textwrap import dedent

import pytest

from dlsafe_lint.analysis import handovers
from test_handovers import IMPORTS, build

HEAD = """
import abc, argparse, os, functools, multiprocessing
import torch, torchvision, torchvision.transforms as T
from torchvision import datasets as tvd
from torchvision.datasets import ImageFolder
import torchvision.transforms.v2 as v2
import albumentations as A
import monai, webdataset as wds, lightning as L, pytorch_lightning as pl
from torch.utils.data import Subset, ChainDataset, IterableDataset
from torch.utils.data.datapipes.iter import IterableWrapper
from torchdata.datapipes.iter import FileLister
import torch_geometric.transforms as GT
from torch_geometric.loader import DataLoader as GDL
from torch_geometric.datasets import TUDataset
parser = argparse.ArgumentParser(); parser.add_argument("--workers", type=int, default=4)
args = parser.parse_args()
"""

REPORTED = {
    "spread over *args that are kept": """
        class Steps:
            def __init__(self, *steps):
                self.steps = steps
        def make(train):
            steps = [T.ToTensor()]
            if train:
                steps.append(lambda x: x)
            return Steps(*steps)
        DataLoader(Items(make(True)), num_workers=2)
        """,
    "among *args that are kept": """
        class Steps:
            def __init__(self, *steps):
                self.steps = list(steps)
        DataLoader(Items(Steps(T.ToTensor(), lambda x: x)), num_workers=2)
        """,
    "star import of a library": """
        from torchvision.transforms import *
        def main():
            t = Compose([ToTensor(), Lambda(lambda x: x * 2)])
            DataLoader(Items(t), num_workers=2)
        """,
    "spread into forwarded arguments": """
        class Root(Dataset):
            def __init__(self, root, transform=None):
                self.transform = transform
            def __getitem__(self, i):
                return i
        class Cats(Root):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
        kwargs = {"root": "d", "transform": lambda x: x}
        DataLoader(Cats(**kwargs), num_workers=2)
        """,
    "dataset from the dict of its module": """
        t = transforms.Compose([transforms.Lambda(lambda x: x)])
        kwargs = {"num_workers": 1, "pin_memory": True}
        DataLoader(datasets.__dict__[args.name]("d", transform=t), batch_size=2, **kwargs)
        """,
    "dataset by getattr": """
        t = transforms.Compose([transforms.Lambda(lambda x: x)])
        DataLoader(getattr(torchvision.datasets, args.name)("d", transform=t), num_workers=1)
        """,
    "dict of functions spread into a stream": """
        IMG = "jpg"
        mapping = {IMG: T.Compose([T.Lambda(lambda x: x)])}
        ds = wds.WebDataset("a").map_dict(**mapping).to_tuple("a", "b")
        wds.WebLoader(ds, batch_size=None, num_workers=4)
        """,
    "long chain of a stream": """
        mapping = {"jpg": T.Compose([T.Lambda(lambda x: x)])}
        stream = wds.WebDataset("a", handler=wds.warn_and_continue)
        chosen = stream.select(work)
        ds = chosen.map_dict(txt=str).map_dict(**mapping).to_tuple("a", "b").batched(3, partial=True)
        wds.WebLoader(ds, batch_size=None, num_workers=4)
        """,
    "hook that returns None in the base": """
        class Trainer:
            def loader(self, data):
                return DataLoader(data, num_workers=4, collate_fn=self.collate_fn())
            def collate_fn(self):
                return None
        class Mine(Trainer):
            def collate_fn(self):
                def collate(batch):
                    return batch
                return collate
        """,
    "class method through a subclass": """
        class Crops:
            @classmethod
            def crop(cls, size):
                return cls.fixed(size)
            @staticmethod
            def fixed(size):
                raise NotImplementedError
        class Own(Crops):
            @staticmethod
            def fixed(size):
                def crop(x):
                    return x[:size]
                return crop
        class D(Dataset):
            def __init__(self, size):
                self.crop = Own.crop(size)
            def __getitem__(self, i):
                return i
        DataLoader(D(3), num_workers=2)
        """,
    "bound lock": """
        import threading
        class W:
            def __init__(self):
                self.lock = threading.Lock()
            def run(self):
                pass
            def go(self):
                Process(target=self.run).start()
        W().go()
        """,
    "bound file": """
        class W:
            def __init__(self, p):
                self.f = open(p)
            def co(self, b):
                return b
        DataLoader([1], num_workers=2, collate_fn=W('x').co)
        """,
    "bound pool": """
        class W:
            def __init__(self):
                self.pool = Pool(4)
            def run(self, x):
                pass
            def go(self):
                self.pool.map(self.run, [1])
        """,
    "process lock": """
        import threading
        class P(Process):
            def __init__(self):
                super().__init__()
                self.lock = threading.Lock()
            def run(self):
                pass
        P().start()
        """,
    "args self lock": """
        import threading
        class W:
            def __init__(self):
                self.lock = threading.Lock()
            def go(self):
                Process(target=work, args=(self,)).start()
        """,
    "executor self": """
        from concurrent.futures import ProcessPoolExecutor as PPE
        class W:
            def __init__(self):
                self.ex = PPE(4)
            def run(self, x):
                pass
            def go(self):
                return self.ex.submit(self.run, 1).result()
        """,
    "repeat n": """
        class R:
            def __init__(self, f=None, n=0):
                self.f = f
                self.n = n
            def work(self):
                pass
            def go(self):
                for _ in range(self.n):
                    Process(target=self.work).start()
        R(lambda: 1, 3).go()
        R(work, 0).go()
        """,
    "repeat unknown": """
        def go(n):
            ps = [Process(target=lambda: 1) for _ in range(n)]
        """,
    "repeat args": """
        for i in range(args.workers):
            Process(target=lambda: 1).start()
        """,
    "abstract": """
        class B(L.LightningDataModule):
            def tf(self):
                'doc'
                raise NotImplementedError
            def train_dataloader(self):
                return DataLoader(ImageFolder('x', self.tf()), num_workers=2)
        class S(B):
            def tf(self):
                return lambda x: x
        """,
    "dm 4": """
        class DM(L.LightningDataModule):
            def __init__(self, num_workers=0):
                super().__init__()
                self.num_workers = num_workers
                self.ds = ImageFolder('x', transform=T.Lambda(lambda x: x))
            def train_dataloader(self):
                return DataLoader(self.ds, num_workers=self.num_workers)
        DM(num_workers=0)
        DM(num_workers=4)
        """,
    "geo project": """
        from torch_geometric.data import InMemoryDataset
        class G(InMemoryDataset):
            def __init__(self, root, transform=None):
                super().__init__(root, transform)
        ds = G('x', transform=lambda d: d)
        ds = ds.shuffle()
        n = 10
        tr = ds[:n]
        GDL(tr, num_workers=2)
        """,
    "two calls pos": """
        def loaders(ds, workers):
            return DataLoader(ds, num_workers=workers)
        loaders(Items(lambda x: x), 4)
        loaders(Items(work), 0)
        """,
    "two ctor pos": """
        class Tr:
            def __init__(self, ds, n):
                self.ds = ds
                self.n = n
            def fit(self):
                self.go()
            def go(self):
                return DataLoader(self.ds, num_workers=self.n)
        a = Tr(Items(lambda x: x), 2)
        a.fit()
        b = Tr(Items(work), 0)
        b.fit()
        """,
    "compose v1": """
        ds = ImageFolder('x', T.Compose([T.ToTensor(), T.Lambda(lambda x: x)]))
        DataLoader(ds, num_workers=4)
        """,
    "compose v2": """
        ds = ImageFolder('x', v2.Compose([v2.Lambda(lambda x: x)]))
        DataLoader(ds, num_workers=4)
        """,
    "compose bare list var": """
        ts = [T.ToTensor(), lambda x: x]
        ds = ImageFolder('x', transform=T.Compose(ts))
        DataLoader(ds, num_workers=4)
        """,
    "compose appended": """
        ts = [T.ToTensor()]
        ts.append(T.Lambda(lambda x: x))
        ds = ImageFolder('x', transform=T.Compose(ts))
        DataLoader(ds, num_workers=4)
        """,
    "compose insert method": """
        t = T.Compose([T.ToTensor()])
        t.transforms.insert(0, lambda x: x)
        ds = ImageFolder('x', transform=t)
        DataLoader(ds, num_workers=4)
        """,
    "compose list concat": """
        ts = [T.ToTensor()] + [lambda x: x]
        ds = ImageFolder('x', transform=T.Compose(ts))
        DataLoader(ds, num_workers=4)
        """,
    "compose list augmented": """
        ts = [T.ToTensor()]
        ts += [lambda x: x]
        ds = ImageFolder('x', transform=T.Compose(ts))
        DataLoader(ds, num_workers=4)
        """,
    "albumentations": """
        ds = Items(A.Compose([A.Lambda(image=lambda x, **k: x)]))
        DataLoader(ds, num_workers=4)
        """,
    "monai": """
        tf = monai.transforms.Compose([monai.transforms.Lambdad('image', lambda x: x)])
        ds = monai.data.Dataset([1], transform=tf)
        monai.data.DataLoader(ds, num_workers=4)
        """,
    "nn sequential": """
        class Lam(torch.nn.Module):
            def __init__(self, f):
                super().__init__()
                self.f = f
        ds = Items(torch.nn.Sequential(Lam(lambda x: x)))
        DataLoader(ds, num_workers=4)
        """,
    "function returns transform": """
        def get_tf():
            return T.Compose([T.Lambda(lambda x: x)])
        ds = ImageFolder('x', get_tf())
        DataLoader(ds, num_workers=4)
        """,
    "function returns two": """
        def get_tfs():
            a = T.Compose([T.Lambda(lambda x: x)])
            b = T.Compose([T.ToTensor()])
            return a, b
        tr, te = get_tfs()
        DataLoader(ImageFolder('x', tr), num_workers=4)
        DataLoader(ImageFolder('x', te), num_workers=4)
        """,
    "function returns dict": """
        def get_tfs():
            return {'train': T.Compose([T.Lambda(lambda x: x)]), 'val': T.ToTensor()}
        tf = get_tfs()
        DataLoader(ImageFolder('x', tf['train']), num_workers=4)
        """,
    "method returns transform": """
        class M:
            def tf(self):
                return T.Compose([lambda x: x])
            def run(self):
                DataLoader(ImageFolder('x', self.tf()), num_workers=4)
        """,
    "static method factory": """
        class F:
            @staticmethod
            def make():
                return lambda x: x
        DataLoader(ImageFolder('x', F.make()), num_workers=4)
        """,
    "default or": """
        def make(ds, collate_fn=None):
            collate_fn = collate_fn or (lambda b: b)
            return DataLoader(ds, num_workers=4, collate_fn=collate_fn)
        """,
    "default or inline": """
        def make(ds, collate_fn=None):
            return DataLoader(ds, num_workers=4, collate_fn=collate_fn or (lambda b: b))
        """,
    "default if none": """
        def make(ds, collate_fn=None):
            if collate_fn is None:
                collate_fn = lambda b: b
            return DataLoader(ds, num_workers=4, collate_fn=collate_fn)
        """,
    "default if none called": """
        def make(ds, collate_fn=None):
            if collate_fn is None:
                collate_fn = lambda b: b
            return DataLoader(ds, num_workers=4, collate_fn=collate_fn)
        make([1])
        """,
    "default if none nested def": """
        def make(ds, collate_fn=None):
            if collate_fn is None:
                def collate_fn(b):
                    return b
            return DataLoader(ds, num_workers=4, collate_fn=collate_fn)
        """,
    "default arg lambda": """
        def make(ds, collate_fn=lambda b: b):
            return DataLoader(ds, num_workers=4, collate_fn=collate_fn)
        """,
    "ternary": """
        def make(ds, big):
            return DataLoader(ds, num_workers=4, collate_fn=(lambda b: b) if big else None)
        """,
    "phase dict": """
        dt = {'train': T.Compose([T.Lambda(lambda x: x)]), 'val': T.Compose([T.ToTensor()])}
        ids = {x: ImageFolder(os.path.join('d', x), dt[x]) for x in ['train', 'val']}
        dl = {x: DataLoader(ids[x], batch_size=4, num_workers=4) for x in ['train', 'val']}
        """,
    "phase dict loop": """
        dt = {'train': T.Compose([T.Lambda(lambda x: x)]), 'val': T.Compose([T.ToTensor()])}
        loaders = {}
        for phase in ['train', 'val']:
            ds = ImageFolder(phase, transform=dt[phase])
            loaders[phase] = DataLoader(ds, num_workers=4)
        """,
    "phase dict stored": """
        dt = {}
        dt['train'] = T.Compose([T.Lambda(lambda x: x)])
        dt['val'] = T.ToTensor()
        ids = {x: ImageFolder(x, dt[x]) for x in ['train', 'val']}
        dl = {x: DataLoader(ids[x], num_workers=4) for x in ['train', 'val']}
        """,
    "phase dict items": """
        ids = {'train': ImageFolder('x', lambda x: x)}
        dl = {k: DataLoader(v, num_workers=4) for k, v in ids.items()}
        """,
    "class attr fetched from class": """
        class Cls:
            transform = lambda x: x
        class DS(Items):
            def __init__(self):
                self.transform = Cls.transform
        DataLoader(DS(), num_workers=2)
        """,
    "loader subclass": """
        class My(DataLoader):
            def __init__(self, ds, **kw):
                super().__init__(ds, collate_fn=lambda b: b, num_workers=4, **kw)
        My([1])
        """,
    "loader subclass caller": """
        class My(DataLoader):
            def __init__(self, ds, collate_fn=None, **kw):
                super().__init__(ds, collate_fn=collate_fn, **kw)
        My([1], collate_fn=lambda b: b, num_workers=4)
        """,
    "loader subclass method": """
        class My(DataLoader):
            def __init__(self, ds, n):
                super().__init__(ds, collate_fn=self.collate, num_workers=n)
                self.f = lambda x: x
            def collate(self, b):
                return b
        My([1], 4)
        """,
    "lightning datamodule": """
        class DM(L.LightningDataModule):
            def __init__(self, num_workers=4):
                super().__init__()
                self.save_hyperparameters()
            def setup(self, stage=None):
                self.train_ds = ImageFolder('x', transform=T.Lambda(lambda x: x))
            def train_dataloader(self):
                return DataLoader(self.train_ds, num_workers=self.hparams.num_workers)
        """,
    "lightning self.num_workers": """
        class DM(pl.LightningDataModule):
            def __init__(self, num_workers: int = 4):
                super().__init__()
                self.num_workers = num_workers
            def setup(self, stage=None):
                self.train_ds = ImageFolder('x', transform=T.Lambda(lambda x: x))
            def train_dataloader(self):
                return DataLoader(self.train_ds, num_workers=self.num_workers)
        """,
    "lightning transform attr": """
        class DM(pl.LightningDataModule):
            def __init__(self, num_workers: int = 4):
                super().__init__()
                self.num_workers = num_workers
                self.transform = T.Compose([T.Lambda(lambda x: x)])
            def train_dataloader(self):
                ds = tvd.MNIST('.', transform=self.transform)
                return DataLoader(ds, num_workers=self.num_workers)
        """,
    "lightning split": """
        class DM(pl.LightningDataModule):
            def setup(self, stage=None):
                full = tvd.MNIST('.', transform=lambda x: x)
                self.tr, self.va = random_split(full, [1, 2])
            def train_dataloader(self):
                return DataLoader(self.tr, num_workers=4)
        """,
    "lightning collate method": """
        class DM(pl.LightningDataModule):
            def collate(self, b):
                return b
            def setup(self, stage=None):
                self.tok = lambda x: x
            def train_dataloader(self):
                return DataLoader([1], num_workers=4, collate_fn=self.collate)
        """,
    "subset": """
        full = ImageFolder('x', transform=lambda x: x)
        DataLoader(Subset(full, [1]), num_workers=4)
        """,
    "chain": """
        class It(IterableDataset):
            def __init__(self, f):
                self.f = f
            def __iter__(self):
                yield self.f(1)
        DataLoader(ChainDataset([It(lambda x: x)]), num_workers=2)
        """,
    "split two vars": """
        full = ImageFolder('x', transform=lambda x: x)
        a, b = random_split(full, [1, 2])
        DataLoader(a, num_workers=4)
        """,
    "concat plus": """
        full = ImageFolder('x', transform=lambda x: x) + ImageFolder('y')
        DataLoader(full, num_workers=4)
        """,
    "geometric": """
        both = GT.Compose([GT.ToUndirected(), lambda d: d])
        ds = TUDataset('.', 'M', pre_transform=GT.Compose([lambda d: d]), transform=both)
        GDL(ds, batch_size=2, num_workers=2)
        """,
    "geometric filter": """
        ds = TUDataset('.', 'M', pre_filter=lambda d: True)
        GDL(ds[:10], batch_size=2, num_workers=2)
        """,
    "geometric shuffle": """
        ds = TUDataset('.', 'M', transform=lambda d: d).shuffle()
        GDL(ds[:10], batch_size=2, num_workers=2)
        """,
    "datapipe map": """
        dp = IterableWrapper([1]).map(lambda x: x)
        DataLoader(dp, num_workers=2)
        """,
    "datapipe chain": """
        dp = FileLister('.').filter(lambda p: True)
        dp = dp.map(work)
        dp = dp.shuffle()
        DataLoader(dp, num_workers=2)
        """,
    "datapipe ctor": """
        from torchdata.datapipes.iter import Mapper
        dp = Mapper(IterableWrapper([1]), lambda x: x)
        DataLoader(dp, num_workers=2)
        """,
    "wds map": """
        ds = wds.WebDataset('x.tar').decode('pil').to_tuple('a', 'b').map_tuple(lambda x: x, None)
        DataLoader(ds, num_workers=2)
        """,
    "wds map_dict": """
        ds = wds.WebDataset('x.tar').map_dict(jpg=lambda x: x)
        wds.WebLoader(ds, num_workers=2)
        """,
    "wds select": """
        ds = wds.WebDataset('x.tar').select(lambda s: True).compose(lambda src: src)
        wds.WebLoader(ds, num_workers=2, batch_size=None)
        """,
    "wds pipeline": """
        ds = wds.DataPipeline(wds.SimpleShardList('x'), wds.map(lambda x: x))
        DataLoader(ds, num_workers=2, batch_size=None)
        """,
    "wds decode": """
        ds = wds.WebDataset('x.tar').decode(lambda k, d: d)
        DataLoader(ds, num_workers=2)
        """,
    "process subclass": """
        class P(Process):
            def __init__(self, f):
                super().__init__()
                self.f = f
            def run(self):
                self.f()
        P(lambda: 1).start()
        """,
    "with pool": """
        with Pool(4) as pool:
            pool.map(lambda x: x, [1])
        """,
    "with mp pool": """
        with multiprocessing.Pool(processes=4) as p:
            list(p.imap_unordered(lambda x: x, [1]))
        """,
    "with torch mp": """
        with mp.Pool(4) as p:
            p.starmap(lambda x, y: x, [(1, 2)])
        """,
    "executor with": """
        with ProcessPoolExecutor() as ex:
            futs = [ex.submit(lambda x: x, i) for i in range(3)]
            list(ex.map(lambda x: x, [1]))
        """,
    "executor dict futures": """
        with ProcessPoolExecutor() as ex:
            futs = {ex.submit(lambda x: x, i): i for i in range(3)}
        """,
    "concurrent futures": """
        import concurrent.futures
        with concurrent.futures.ProcessPoolExecutor(max_workers=4) as ex:
            r = list(ex.map(lambda x: x, [1]))
        """,
    "concurrent futures as": """
        import concurrent.futures as cf
        ex = cf.ProcessPoolExecutor(4)
        r = ex.submit(lambda: 1)
        r.result()
        """,
    "pool on self": """
        class R:
            def __init__(self):
                self.pool = Pool(4)
            def go(self):
                return self.pool.map(lambda x: x, [1])
        """,
    "pool partial": """
        Pool(2).map(partial(lambda a, x: x, 1), [1])
        """,
    "pool nested": """
        def f():
            def g(x):
                return x
            with Pool(2) as p:
                return p.map(g, [1])
        """,
    "ctx pool": """
        ctx = get_context('spawn')
        with ctx.Pool(2) as p:
            p.map(lambda x: x, [1])
        """,
    "ctx method Process": """
        def go(method):
            ctx = mp.get_context(method)
            p = ctx.Process(target=lambda: 1)
            p.start()
        """,
    "ctx on self": """
        class R:
            def __init__(self):
                self.ctx = multiprocessing.get_context('spawn')
            def go(self):
                self.ctx.Process(target=lambda: 1).start()
        """,
    "process nested": """
        def main():
            def run(q):
                pass
            ps = [Process(target=run, args=(i,)) for i in range(2)]
            for p in ps:
                p.start()
        """,
    "initializer nested": """
        def main():
            def init():
                pass
            with Pool(2, initializer=init) as p:
                p.map(work, [1])
        """,
    "executor initializer": """
        def main():
            ex = ProcessPoolExecutor(2, initializer=lambda: 1)
            return ex.map(work, [1])
        """,
    "mp.spawn nested": """
        def main():
            def run(rank):
                pass
            mp.spawn(run, nprocs=2)
        """,
    "mp.spawn fn=": """
        def main():
            def run(rank):
                pass
            mp.spawn(fn=run, nprocs=2)
        """,
    "bound method lambda": """
        class W:
            def __init__(self):
                self.f = lambda x: x
            def run(self, x):
                return self.f(x)
            def go(self):
                with Pool(2) as p:
                    return p.map(self.run, [1])
        """,
    "bound method process": """
        class W:
            def __init__(self):
                self.f = lambda x: x
            def run(self):
                pass
        w = W()
        Process(target=w.run).start()
        """,
    "args self": """
        class W:
            def __init__(self):
                self.f = lambda x: x
            def go(self):
                Process(target=work, args=(self,)).start()
        """,
    "local instance": """
        def main():
            class C:
                def __call__(self, b):
                    return b
            DataLoader([1], num_workers=2, collate_fn=C())
        """,
    "local dataset": """
        def main():
            class D(Dataset):
                def __len__(self):
                    return 1
                def __getitem__(self, i):
                    return i
            DataLoader(D(), num_workers=2)
        """,
    "decorated": """
        def deco(f):
            def inner(*a):
                return f(*a)
            return inner
        @deco
        def job(x):
            return x
        Pool(2).map(job, [1])
        """,
    "rebound": """
        def deco(f):
            def inner(*a):
                return f(*a)
            return inner
        def job(x):
            return x
        old = job
        job = deco(job)
        Pool(2).map(job, [1])
        """,
    "rebound orig": """
        def job(x):
            return x
        orig = job
        def job(x):
            return orig(x)
        Pool(2).map(orig, [1])
        """,
    "namedtuple": """
        from collections import namedtuple
        Point = namedtuple('Pt', 'a b')
        Pool(2).map(work, [Point(1, 2)])
        """,
    "namedtuple local": """
        from collections import namedtuple
        def main():
            Point = namedtuple('Point', 'a b')
            Pool(2).map(work, [Point(1, 2)])
        """,
    "dict of kwargs": """
        kw = {'num_workers': 4, 'collate_fn': lambda b: b}
        DataLoader([1], **kw)
        """,
    "dict() kwargs": """
        kw = dict(num_workers=4, collate_fn=lambda b: b)
        DataLoader([1], **kw)
        """,
    "dataset kw": """
        DataLoader(dataset=Items(transform=lambda x: x), num_workers=args.workers)
        """,
    "loader in function dataset param": """
        def loaders(ds, workers):
            return DataLoader(ds, num_workers=workers)
        loaders(Items(lambda x: x), 4)
        """,
    "trainer class": """
        class Tr:
            def __init__(self, ds, collate=None, n=4):
                self.ds = ds
                self.collate = collate
                self.n = n
            def fit(self):
                return DataLoader(self.ds, collate_fn=self.collate, num_workers=self.n)
        Tr(Items(work), collate=lambda b: b).fit()
        """,
    "trainer class ds": """
        class Tr:
            def __init__(self, ds, n=4):
                self.ds = ds
                self.n = n
            def fit(self):
                return DataLoader(self.ds, num_workers=self.n)
        Tr(Items(lambda x: x)).fit()
        """,
    "list of datasets": """
        dss = [Items(lambda x: x) for i in range(3)]
        dls = [DataLoader(d, num_workers=2) for d in dss]
        """,
    "zip of datasets": """
        tr = Items(lambda x: x)
        for ds, sh in zip([tr], [True]):
            DataLoader(ds, num_workers=2)
        """,
    "for over tuple": """
        tr = Items(lambda x: x)
        for ds, name in ((tr, 'a'), (tr, 'b')):
            DataLoader(ds, num_workers=2)
        """,
    "get_dataset function": """
        def get_ds(train):
            tf = T.Compose([T.Lambda(lambda x: x)])
            return ImageFolder('x', transform=tf)
        def main():
            ds = get_ds(True)
            dl = DataLoader(ds, num_workers=args.workers)
        """,
    "get_dataset many": """
        def get_ds(name):
            tf = lambda x: x
            if name == 'a':
                return ImageFolder('x', transform=tf)
            elif name == 'b':
                return tvd.MNIST('.', transform=tf)
        def main(name):
            ds = get_ds(name)
            DataLoader(ds, num_workers=2)
        """,
    "registry": """
        REG = {'mnist': lambda: 1, 'x': ImageFolder}
        TF = {'a': lambda x: x}
        def get(name):
            return ImageFolder('x', transform=TF[name])
        DataLoader(get('a'), num_workers=2)
        """,
    "constant tf global": """
        TF = T.Compose([
            T.ToTensor(),
            T.Lambda(lambda x: x.repeat(3, 1, 1)),
        ])
        def main():
            tr = tvd.MNIST('.', transform=TF)
            DataLoader(tr, num_workers=2)
        """,
    "fabric/accelerate": """
        import accelerate
        acc = accelerate.Accelerator()
        dl = acc.prepare(DataLoader([1], num_workers=2, collate_fn=lambda b: b))
        """,
    "dist loader positional": """
        from torch.utils.data.distributed import DistributedSampler
        ds = Items(lambda x: x)
        DataLoader(ds, 4, sampler=DistributedSampler(ds), num_workers=args.workers)
        """,
    "setattr": """
        ds = ImageFolder('x')
        ds.transform = lambda x: x
        DataLoader(ds, num_workers=2)
        """,
    "subset dataset transform": """
        tr, va = random_split(ImageFolder('x'), [1, 2])
        tr.dataset.transform = lambda x: x
        DataLoader(tr, num_workers=2)
        """,
    "vectorize": """
        import numpy as np
        class DS(Items):
            def __init__(self):
                self.f = np.vectorize(lambda x: x)
        DataLoader(DS(), num_workers=2)
        """,
    "global declared": """
        def main():
            global collate
            def collate(b):
                return b
            DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "walrus": """
        DataLoader([1], num_workers=2, collate_fn=(c := lambda b: b))
        """,
    "processes loop list": """
        jobs = []
        for i in range(2):
            p = multiprocessing.Process(target=lambda: i)
            jobs.append(p)
            p.start()
        """,
    "pool apply async result": """
        res = [Pool(2).apply_async(lambda: 1) for _ in range(2)]
        [r.get() for r in res]
        """,
    "pool kw func": """
        p = Pool(2)
        p.map(func=lambda x: x, iterable=[1])
        """,
    "tqdm imap": """
        from tqdm import tqdm
        p = Pool(2)
        for r in tqdm(p.imap(lambda x: x, [1])):
            pass
        """,
    "process_map": """
        from tqdm.contrib.concurrent import process_map
        process_map(lambda x: x, [1])
        """,
    "pool passed": """
        def run(pool):
            return pool.map(lambda x: x, [1])
        with Pool(2) as p:
            run(p)
        """,
    "defaultdict": """
        from collections import defaultdict
        class DS(Items):
            def __init__(self):
                self.d = defaultdict(lambda: 0)
        DataLoader(DS(), num_workers=2)
        """,
    "dataclass field": """
        from dataclasses import dataclass, field
        from typing import Callable
        @dataclass
        class DS(Dataset):
            tf: Callable = lambda x: x
            def __len__(self): return 1
            def __getitem__(self, i): return self.tf(i)
        DataLoader(DS(), num_workers=2)
        """,
    "dataclass passed": """
        from dataclasses import dataclass
        @dataclass
        class DS(Dataset):
            tf: object
            def __len__(self): return 1
            def __getitem__(self, i): return self.tf(i)
        DataLoader(DS(lambda x: x), num_workers=2)
        """,
    "collate class holds lambda": """
        class Col:
            def __init__(self, f):
                self.f = f
            def __call__(self, b):
                return self.f(b)
        DataLoader([1], num_workers=2, collate_fn=Col(lambda x: x))
        """,
    "collate factory": """
        def make_collate(pad):
            def collate(b):
                return b
            return collate
        DataLoader([1], num_workers=2, collate_fn=make_collate(0))
        """,
    "collate factory lambda": """
        def make_collate(pad):
            return lambda b: b
        DataLoader([1], num_workers=2, collate_fn=make_collate(0))
        """,
    "seed worker nested": """
        def main():
            def seed_worker(i):
                pass
            g = torch.Generator()
            DataLoader([1], num_workers=args.workers, worker_init_fn=seed_worker, generator=g)
        """,
    "dataset attr fn": """
        class DS(Dataset):
            def __init__(self):
                def helper(x):
                    return x
                self.helper = helper
            def __len__(self): return 1
            def __getitem__(self, i): return self.helper(i)
        """,
    "wrapped project dataset": """
        class Wrap(Dataset):
            def __init__(self, inner, tf):
                self.inner = inner
                self.tf = tf
            def __len__(self): return 1
            def __getitem__(self, i): return self.tf(self.inner[i])
        DataLoader(Wrap(ImageFolder('x'), lambda x: x), num_workers=2)
        """,
    "wrapped project dataset inner": """
        class Wrap(Dataset):
            def __init__(self, inner):
                self.inner = inner
            def __len__(self): return 1
            def __getitem__(self, i): return self.inner[i]
        DataLoader(Wrap(ImageFolder('x', lambda x: x)), num_workers=2)
        """,
    "tuple unpack default": """
        def data(tf=None):
            tf = T.Compose([lambda x: x]) if tf is None else tf
            ds = ImageFolder('x', tf)
            return DataLoader(ds, num_workers=2)
        """,
    "property collate": """
        class M:
            @property
            def collate(self):
                return lambda b: b
            def loader(self):
                return DataLoader([1], num_workers=2, collate_fn=self.collate)
        """,
    "getattr loader cls": """
        from torch.utils import data
        l = data.DataLoader([1], num_workers=2, collate_fn=lambda b: b)
        """,
    "dataloader alias": """
        import torch.utils.data
        l = torch.utils.data.DataLoader([1], num_workers=2, collate_fn=lambda b: b)
        """,
    "dataloader via dict": """
        cfg = {'num_workers': 8}
        l = DataLoader([1], num_workers=cfg['num_workers'], collate_fn=lambda b: b)
        """,
    "workers const": """
        NUM_WORKERS = os.cpu_count()
        l = DataLoader([1], num_workers=NUM_WORKERS, collate_fn=lambda b: b)
        """,
    "workers min": """
        l = DataLoader([1], num_workers=min(4, os.cpu_count()), collate_fn=lambda b: b)
        """,
    "async ctx start": """
        ctx = mp.get_context('spawn')
        l = DataLoader([1], num_workers=2, multiprocessing_context=ctx, collate_fn=lambda b: b)
        """,
}

SILENT = {
    "star imports of two libraries": """
        from torchvision.transforms import *
        from mylayers import *
        def main():
            Compose([Lambda(lambda x: x * 2)])
            DataLoader(Items(wrap(lambda x: x)), num_workers=2)
        """,
    "forgotten argument in a spread dict": """
        kwargs = {"is_valid_file": lambda path: True}
        DataLoader(ImageFolder("d", **kwargs), num_workers=2)
        """,
    "class method through another subclass": """
        class Crops:
            @classmethod
            def crop(cls, size):
                return cls.fixed(size)
            @staticmethod
            def fixed(size):
                raise NotImplementedError
        class Own(Crops):
            @staticmethod
            def fixed(size):
                def crop(x):
                    return x[:size]
                return crop
        class Other(Crops):
            @staticmethod
            def fixed(size):
                return str
        class D(Dataset):
            def __init__(self, size):
                self.crop = Other.crop(size)
            def __getitem__(self, i):
                return i
        DataLoader(D(3), num_workers=2)
        """,
    "handed to a factory without workers": """
        class Module:
            def __init__(self, data, num_workers=None):
                self.data = data
                self.num_workers = num_workers if num_workers is not None else os.cpu_count()
            def loader(self):
                return DataLoader(self.data, num_workers=self.num_workers)
            @classmethod
            def make(cls, transform=None, num_workers=None):
                return cls(Items(transform), num_workers=num_workers)
        Module.make(transform=lambda x: x, num_workers=0).loader()
        """,
    "lock dropped": """
        import threading
        class W:
            def __init__(self):
                self.lock = threading.Lock()
            def __getstate__(self):
                d = self.__dict__.copy()
                del d['lock']
                return d
            def run(self):
                pass
            def go(self):
                Process(target=self.run).start()
        W().go()
        """,
    "lock fork": """
        import threading
        class W:
            def __init__(self):
                self.lock = threading.Lock()
            def run(self):
                pass
            def go(self):
                get_context('fork').Process(target=self.run).start()
        W().go()
        """,
    "lock static": """
        import threading
        class W:
            def __init__(self):
                self.lock = threading.Lock()
            @staticmethod
            def run():
                pass
            def go(self):
                Process(target=self.run).start()
        W().go()
        """,
    "mp lock": """
        class W:
            def __init__(self):
                self.lock = multiprocessing.Lock()
                self.q = multiprocessing.Queue()
            def run(self):
                pass
            def go(self):
                Process(target=self.run).start()
        W().go()
        """,
    "lock not on path": """
        import threading
        class W:
            def __init__(self, t):
                if t:
                    self.lock = threading.Lock()
            def run(self):
                pass
            def go(self):
                Process(target=self.run).start()
        W(1).go()
        """,
    "lock later": """
        import threading
        class W:
            def __init__(self):
                self.lock = None
            def run(self):
                self.lock = threading.Lock()
            def go(self):
                Process(target=self.run).start()
        W().go()
        """,
    "repeat 0": """
        class R:
            def __init__(self, f=None, n=0):
                self.f = f
                self.n = n
            def work(self):
                pass
            def go(self):
                for _ in range(self.n):
                    Process(target=self.work).start()
        R(lambda: 1).go()
        R(work, 4).go()
        """,
    "repeat 0 comp": """
        def go(f, n=0):
            return [Process(target=f) for _ in range(n)]
        go(lambda: 1)
        """,
    "datamodule base none": """
        class B(L.LightningDataModule):
            def tf(self):
                raise NotImplementedError
            def train_dataloader(self):
                return DataLoader(ImageFolder('x', self.tf()), num_workers=0)
        class S(B):
            def tf(self):
                return lambda x: x
        """,
    "wraps assigned": """
        def deco(f):
            @functools.wraps(f)
            def inner(*a):
                return f(*a)
            return inner
        def job(x):
            return x
        job = deco(job)
        Pool(2).map(job, [1])
        """,
    "dm 0": """
        class DM(L.LightningDataModule):
            def __init__(self, num_workers=4):
                super().__init__()
                self.num_workers = num_workers
                self.ds = ImageFolder('x', transform=T.Lambda(lambda x: x))
            def train_dataloader(self):
                return DataLoader(self.ds, num_workers=self.num_workers)
        DM(num_workers=0)
        """,
    "two ctor": """
        class Tr:
            def __init__(self, ds, n):
                self.ds = ds
                self.n = n
            def fit(self):
                self.go()
            def go(self):
                return DataLoader(self.ds, num_workers=self.n)
        a = Tr(Items(lambda x: x), 0)
        a.fit()
        b = Tr(Items(work), 4)
        b.fit()
        """,
    "overload def": """
        if args.workers:
            def job(x):
                return x
        else:
            def job(x):
                return 1
        Pool(2).map(job, [1])
        """,
    "int add": """
        n = len([1]) + 1
        DataLoader(Items(n), num_workers=2)
        """,
    "class attr lambda": """
        class DS(Items):
            tf = lambda self, x: x
            def __init__(self):
                pass
        DataLoader(DS(), num_workers=2)
        """,
    "lambdaLR": """
        sched = torch.optim.lr_scheduler.LambdaLR(None, lambda e: e)
        DataLoader([1], num_workers=2)
        """,
    "hf map": """
        import datasets as hf
        ds = hf.load_dataset('x').map(lambda x: x)
        DataLoader(ds, num_workers=2)
        """,
    "hf map num_proc": """
        from datasets import load_dataset
        ds = load_dataset('x')
        ds = ds.map(lambda x: x, num_proc=4)
        ds = ds.filter(lambda x: True)
        DataLoader(ds, num_workers=2)
        """,
    "joblib": """
        from joblib import Parallel, delayed
        Parallel(n_jobs=4)(delayed(lambda x: x)(i) for i in range(3))
        """,
    "pathos": """
        from pathos.multiprocessing import ProcessingPool, Pool as PP
        ProcessingPool(4).map(lambda x: x, [1])
        PP(2).map(lambda x: x, [1])
        """,
    "multiprocess": """
        import multiprocess
        multiprocess.Pool(4).map(lambda x: x, [1])
        multiprocess.Process(target=lambda: 1).start()
        """,
    "dask": """
        import dask.bag as db
        db.from_sequence([1]).map(lambda x: x).compute()
        """,
    "ray": """
        import ray
        from ray.util.multiprocessing import Pool as RP
        RP().map(lambda x: x, [1])
        """,
    "loky": """
        from loky import get_reusable_executor
        get_reusable_executor(2).submit(lambda: 1)
        """,
    "mpi": """
        from mpi4py.futures import MPIPoolExecutor
        MPIPoolExecutor().submit(lambda: 1)
        """,
    "tf data": """
        import tensorflow as tf
        tf.data.Dataset.from_tensor_slices([1]).map(lambda x: x)
        """,
    "threads": """
        with ThreadPoolExecutor() as pool:
            pool.submit(lambda: 1)
            pool.map(lambda x: x, [1])
        """,
    "dummy": """
        from multiprocessing.dummy import Pool as TP
        TP(2).map(lambda x: x, [1])
        """,
    "dummy mod": """
        import multiprocessing.dummy as md
        p = md.Pool(2)
        p.map(lambda x: x, [1])
        md.Process(target=lambda: 1).start()
        """,
    "subproc": """
        from stable_baselines3.common.vec_env import SubprocVecEnv
        SubprocVecEnv([lambda: 1])
        """,
    "nobody sets": """
        def make(ds, num_workers=0, collate=lambda b: b):
            return DataLoader(ds, num_workers=num_workers, collate_fn=collate)
        make([1])
        """,
    "args default 0": """
        parser.add_argument('--nw', default=0)
        DataLoader([1], num_workers=args.nw, collate_fn=lambda b: b)
        """,
    "sampler lambda": """
        class S(torch.utils.data.Sampler):
            def __init__(self, key):
                self.key = key
        DataLoader([1], num_workers=2, sampler=S(lambda x: x))
        """,
    "sorted then": """
        items = sorted([1], key=lambda x: x)
        DataLoader(items, num_workers=2)
        """,
    "list map": """
        items = list(map(lambda x: x, [1]))
        DataLoader(Items(items), num_workers=2)
        """,
    "df apply": """
        import pandas as pd
        df = pd.read_csv('x')
        df['a'] = df['b'].apply(lambda x: x)
        DataLoader(Items(df), num_workers=2)
        """,
    "df map assign": """
        import pandas as pd
        class DS(Items):
            def __init__(self, p):
                self.df = pd.read_csv(p)
                self.df['a'] = self.df['b'].map(lambda x: x)
                self.x = self.df.apply(lambda r: r, axis=1)
        DataLoader(DS('p'), num_workers=2)
        """,
    "val transform only no workers": """
        tf = T.Lambda(lambda x: x)
        DataLoader(ImageFolder('x', tf))
        """,
    "partial good": """
        DataLoader([1], num_workers=2, collate_fn=partial(work, pad=0))
        """,
    "static method": """
        class C:
            @staticmethod
            def collate(b):
                return b
        DataLoader([1], num_workers=2, collate_fn=C.collate)
        """,
    "wraps": """
        def deco(f):
            @functools.wraps(f)
            def inner(*a):
                return f(*a)
            return inner
        @deco
        def job(x):
            return x
        Pool(2).map(job, [1])
        """,
    "phase dict val only": """
        dt = {'train': T.Compose([T.Lambda(lambda x: x)]), 'val': T.Compose([T.ToTensor()])}
        DataLoader(ImageFolder('x', dt['val']), num_workers=2)
        """,
    "callback": """
        Pool(2).apply_async(work, (1,), callback=lambda r: r, error_callback=lambda e: e)
        """,
    "executor add_done": """
        ex = ProcessPoolExecutor(2)
        ex.submit(work, 1).add_done_callback(lambda f: f)
        """,
    "imap iterable map": """
        Pool(2).map(work, map(lambda x: x, [1]))
        """,
    "imap iterable sorted": """
        Pool(2).map(work, sorted([1], key=lambda x: x))
        """,
    "imap iterable listcomp": """
        Pool(2).map(work, [f for f in filter(lambda x: x, [1])])
        """,
    "iter gen": """
        Pool(2).imap(work, (x for x in [1]))
        """,
    "pool run local": """
        def run(pool):
            return pool.map(lambda x: x, [1])
        run(unknown())
        """,
    "torch layer Pool": """
        from layers import Pool as LP
        LP(2).map(lambda x: x)
        """,
    "spark": """
        from pyspark import SparkContext
        sc = SparkContext()
        sc.parallelize([1]).map(lambda x: x)
        """,
    "nn lambda": """
        class L2(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.f = lambda x: x
        model = L2()
        DataLoader([1], num_workers=2)
        """,
    "map_location": """
        torch.load('x', map_location=lambda s, l: s)
        """,
    "getstate drop": """
        class DS(Items):
            def __init__(self):
                self.f = lambda x: x
            def __getstate__(self):
                d = self.__dict__.copy()
                del d['f']
                return d
        DataLoader(DS(), num_workers=2)
        """,
    "namedtuple same": """
        from collections import namedtuple
        Point = namedtuple('Point', 'a b')
        Pool(2).map(work, [Point(1, 2)])
        """,
    "fork ctx self": """
        class R:
            def __init__(self):
                self.ctx = multiprocessing.get_context('fork')
            def go(self):
                self.ctx.Process(target=lambda: 1).start()
        """,
    "instance workers": """
        class DS:
            def __init__(self, n):
                self.n = n
            def load(self, collate):
                return DataLoader([1], num_workers=self.n, collate_fn=collate)
        DS(0).load(lambda b: b)
        DS(4).load(work)
        """,
    "instance attr": """
        class Tr:
            def __init__(self, ds, n):
                self.ds = ds
                self.n = n
            def fit(self):
                return DataLoader(self.ds, num_workers=self.n)
        Tr(Items(lambda x: x), 0).fit()
        Tr(Items(work), 4).fit()
        """,
    "two calls one func": """
        def loaders(ds, workers):
            return DataLoader(ds, num_workers=workers)
        loaders(Items(lambda x: x), 0)
        loaders(Items(work), 4)
        """,
    "reset to 0": """
        def make(ds, num_workers=4):
            num_workers = 0
            return DataLoader(ds, num_workers=num_workers, collate_fn=lambda b: b)
        """,
    "process run lambda local": """
        class P(Process):
            def run(self):
                f = lambda: 1
                self.g = lambda: 2
                f()
        P().start()
        """,
    "thread subclass": """
        import threading
        class P(threading.Thread):
            def __init__(self):
                super().__init__()
                self.f = lambda: 1
        P().start()
        """,
    "process not started unknown": """
        def make(cls):
            return cls(target=lambda: 1)
        """,
    "wds loader only": """
        ds = wds.WebDataset('x.tar').map(work)
        loader = wds.WebLoader(ds, num_workers=4).map(lambda x: x)
        """,
    "wds loader unbatched": """
        ds = wds.WebDataset('x.tar').map(work)
        loader = wds.WebLoader(ds, num_workers=4, batch_size=None)
        loader = loader.unbatched().shuffle(100).batched(2, collation_fn=lambda b: b)
        """,
    "dp no workers": """
        dp = IterableWrapper([1]).map(lambda x: x)
        DataLoader(dp)
        list(dp)
        """,
}


def handed(body: str) -> list[handovers.Handed]:
    """What a program hands over."""
    made = build(IMPORTS + HEAD + dedent(body))
    return [each for entries in handovers.handovers(made).values() for each in entries]


@pytest.mark.parametrize("name", REPORTED)
def test_what_reaches_workers_is_reported(name: str) -> None:
    assert handed(REPORTED[name])


@pytest.mark.parametrize("name", SILENT)
def test_what_reaches_no_worker_or_can_be_sent_is_not(name: str) -> None:
    assert not handed(SILENT[name])


@pytest.mark.parametrize("name", REPORTED)
def test_no_lambda_is_reported_twice(name: str) -> None:
    """One hazard, one finding: each spot has one entry for each callable, whoever gets it."""
    seen = [(each.origin.spot, each.origin.name) for each in handed(REPORTED[name])]
    assert len(seen) == len(set(seen))
    lambdas = [each.origin.spot for each in handed(REPORTED[name]) if each.origin.kind == "lambda"]
    assert len(lambdas) == len(set(lambdas))
