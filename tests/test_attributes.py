"""The table of what can't be sent is true: every row is made here and sent as a spawned worker would be sent it."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
import tempfile
from functools import cache

import pytest

from dlsafe_lint.apis import attributes
from dlsafe_lint.apis.attributes import ATTRIBUTES

MAKERS = {
    "asyncio.new_event_loop()": "import asyncio; made = asyncio.new_event_loop()",
    "bz2.BZ2Decompressor()": "import bz2; made = bz2.BZ2Decompressor()",
    "compile()": "made = compile('1', 'a', 'eval')",
    "concurrent.futures.ProcessPoolExecutor()": "from concurrent.futures import process; "
    "made = process.ProcessPoolExecutor(1)",
    "contextvars.ContextVar()": "import contextvars; made = contextvars.ContextVar('name')",
    "ctypes.CDLL()": "import ctypes; made = ctypes.CDLL(None)",
    "ctypes.c_char_p()": "import ctypes; made = ctypes.c_char_p(b'text')",
    "ctypes.cdll.LoadLibrary()": "import ctypes; made = ctypes.cdll.LoadLibrary(None)",
    "ctypes.pointer()": "import ctypes; made = ctypes.pointer(ctypes.c_int(1))",
    "generator": "made = (number for number in range(3))",
    "glob.iglob()": "import glob; made = glob.iglob('*')",
    "google.cloud.storage.Client()": "from google.cloud import storage; "
    "made = storage.Client.create_anonymous_client()",
    "hashlib.new()": "import hashlib; made = hashlib.new('md5')",
    "hmac.new()": "import hmac; made = hmac.new(b'key', b'', 'md5')",
    "iter(torch.utils.data.DataLoader)": "import torch.utils.data as data; made = iter(data.DataLoader([1]))",
    "logging.FileHandler()": "import logging; made = logging.FileHandler('log.txt')",
    "logging.Logger()": "import logging; made = logging.Logger('name')",
    "logging.handlers.RotatingFileHandler()": "import logging.handlers as h; made = h.RotatingFileHandler('log.txt')",
    "logging.handlers.TimedRotatingFileHandler()": "import logging.handlers as h; "
    "made = h.TimedRotatingFileHandler('log.txt')",
    "memoryview()": "made = memoryview(b'bytes')",
    "minio.Minio()": "import minio; made = minio.Minio('localhost:9000')",
    "module": "import os; made = os",
    "multiprocessing.Manager()": "import multiprocessing; made = multiprocessing.get_context('fork').Manager()",
    "multiprocessing.Pool()": "import multiprocessing; made = multiprocessing.get_context('fork').Pool(1)",
    "multiprocessing.dummy.Pool()": "import multiprocessing.dummy as dummy; made = dummy.Pool(1)",
    "multiprocessing.pool.ThreadPool()": "import multiprocessing.pool as p; made = p.ThreadPool(1)",
    "os.scandir()[each]": "import os; made = list(os.scandir('/'))",
    "os.walk()": "import os; made = os.walk('.')",
    "os.fwalk()": "import os; made = os.fwalk('.')",
    "psycopg2.connect()": "from psycopg2.extensions import connection; made = connection.__new__(connection)",
    "pymongo.MongoClient()": "import pymongo; made = pymongo.MongoClient(connect=False)['db'].images",
    "pymysql.connect()": "import pymysql; made = pymysql.connect(defer_connect=True)",
    "elasticsearch.Elasticsearch()": "import elasticsearch; made = elasticsearch.Elasticsearch('http://localhost:9200')",
    "redis.Redis.from_url()": "import redis; made = redis.Redis.from_url('redis://localhost')",
    "redis.from_url()": "import redis; made = redis.from_url('redis://localhost')",
    "sqlalchemy.create_engine()": "import sqlalchemy; made = sqlalchemy.create_engine('sqlite://')",
    "sqlalchemy.orm.Session()": "import sqlalchemy, sqlalchemy.orm; "
    "made = sqlalchemy.orm.Session(sqlalchemy.create_engine('sqlite://'))",
    "sqlalchemy.orm.sessionmaker()": "import sqlalchemy, sqlalchemy.orm; "
    "made = sqlalchemy.orm.sessionmaker(sqlalchemy.create_engine('sqlite://'))",
    "ssl.SSLContext()": "import ssl; made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
    "struct.Struct()": "import struct; made = struct.Struct('<I')",
    "subprocess.Popen()": "import subprocess; made = subprocess.Popen(['true'])",
    "tensorboardX.SummaryWriter()": "import tensorboardX; made = tensorboardX.SummaryWriter('.')",
    "threading.Barrier()": "import threading; made = threading.Barrier(2)",
    "threading.Timer()": "import threading; made = threading.Timer(1, print)",
    "torch.jit.load()": "import torch; torch.jit.script(torch.nn.Linear(1, 1)).save('m.pt'); "
    "made = torch.jit.load('m.pt')",
    "torch.jit.script()": "import torch; made = torch.jit.trace(torch.sin, torch.zeros(1))",
    "torch.jit.script(torch.nn.Module)": "import torch; made = torch.jit.script(torch.nn.Linear(1, 1))",
    "torch.utils.tensorboard.SummaryWriter()": "from torch.utils.tensorboard import SummaryWriter as Writer; "
    "made = Writer('.')",
    "tqdm.auto.tqdm()": "import tqdm.auto; made = tqdm.auto.tqdm([1])",
    "tqdm.auto.trange()": "import tqdm.auto; made = tqdm.auto.trange(3)",
    "tqdm.tqdm()": "import tqdm; made = tqdm.tqdm([1])",
    "tqdm.trange()": "import tqdm; made = tqdm.trange(3)",
    "types.MappingProxyType()": "import types; made = types.MappingProxyType({})",
    "weakref.ref()": "import weakref; kept = weakref.WeakSet(); made = weakref.ref(kept)",
    **{
        f"re.{name}()": f"import re; made = re.{name}('a', 'a')"
        for name in ("match", "search", "fullmatch", "finditer")
    },
    **{
        f"pathlib.Path().{name}()": f"import pathlib; made = pathlib.Path('.').{name}({pattern})"
        for name, pattern in (("glob", "'*'"), ("rglob", "'*'"), ("iterdir", ""))
    },
    **{
        f"boto3.{maker}()": f"import boto3; made = boto3.{maker}({service}region_name='eu-west-1')"
        for maker, service in (("client", "'s3', "), ("resource", "'s3', "), ("Session", ""), ("session.Session", ""))
    },
    **{
        f"boto3.{session}().{maker}()": f"import boto3; made = boto3.{session}(region_name='eu-west-1').{maker}('s3')"
        for session in ("Session", "session.Session")
        for maker in ("client", "resource")
    },
}
"""How a row's object is made where that takes more than calling it without arguments."""

NOT_MADE_HERE = frozenset({"onnxruntime.InferenceSession()", "cv2.VideoWriter()"} | {"torch.Generator()"})
"""Rows that take a model file; that pickle and fail in the worker (fixtures/DLS103/torch_generator.py)."""

PROGRAM = """
import json, os, signal, sys, tempfile
from multiprocessing import context
from multiprocessing.reduction import ForkingPickler

os.chdir(tempfile.mkdtemp())
# another default start method than fork: objects that belong to a context are not forked ones
context._default_context._default_context = context._concrete_contexts["spawn"]


class Popen:
    '''A process that is being spawned: some objects can only be sent to one.'''

    def duplicate_for_child(self, descriptor):
        return descriptor

    DupFd = duplicate_for_child


answers = {}
for name, code in json.loads(sys.stdin.read()):
    names = {"__name__": "__main__"}
    try:
        exec(code, names)
    except ImportError as error:
        answers[name] = f"not installed: {error}"
        continue
    context.set_spawning_popen(Popen())
    try:
        ForkingPickler.dumps(names["made"])
        answers[name] = "sent"
    except Exception as error:
        answers[name] = f"{type(error).__name__}: {error}"
    context.set_spawning_popen(None)
sys.stdout.write(json.dumps(answers))
sys.stdout.flush()
os.killpg(0, signal.SIGKILL)  # with every thread, pool and manager that was made
"""


def maker(name: str) -> str:
    """The code that makes the object of a row."""
    if name in MAKERS:
        return MAKERS[name]
    if not name.endswith("()"):
        module, _, attribute = name.rpartition(".")
        return f"import {module}; made = {module}.{attribute}"
    called = re.sub(r"\(\)(?=\.)", "({})", name, count=1) if name.startswith(("dict()", "collections.")) else name
    module = name.partition("(")[0].rpartition(".")[0]
    return f"import {module}; made = {called}" if module else f"made = {called}"


@cache
def answers() -> dict[str, str]:
    """What became of each row's object, all made in one fresh interpreter.

    Views of dicts come first: they can be sent once anything has loaded `multiprocessing.managers`.
    """
    names = sorted(ATTRIBUTES.keys() - NOT_MADE_HERE, key=lambda name: ATTRIBUTES[name].confidence == "certain")
    request = json.dumps([(name, maker(name)) for name in names])
    with tempfile.TemporaryFile("w+") as out:  # a pipe would stay open as long as a pool lives
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=out, text=True, start_new_session=True
        )
        try:
            process.communicate(request, timeout=120)
        finally:
            process.kill()
        out.seek(0)
        found: dict[str, str] = json.load(out)
    return found


@pytest.mark.parametrize("name", sorted(ATTRIBUTES.keys() - NOT_MADE_HERE))
def test_what_the_table_names_cannot_be_sent(name: str) -> None:
    answer = answers()[name]
    if answer.startswith("not installed"):
        assert name.partition(".")[0] not in sys.stdlib_module_names
        return
    assert answer != "sent"
    if sys.version_info[:2] == (3, 11):  # the Python whose words the table has
        assert fnmatch.fnmatchcase(answer, f"{_literal(ATTRIBUTES[name].error)}*"), answer


def _literal(text: str) -> str:
    """Only "..." stands for anything."""
    return "*".join(re.sub(r"([\[\]?*])", r"[\1]", part) for part in text.split("..."))


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_every_row_says_what_to_do(name: str) -> None:
    row = ATTRIBUTES[name]
    assert re.match(r"(a|an) |`", row.what)
    assert re.match(r"\w+Error: ", row.error)
    assert row.remedy[0].islower()
    assert not row.remedy.endswith(".")


@pytest.mark.parametrize(
    ("name", "steps", "holds"),
    [
        ("threading.Lock()", (), True),
        ("threading.Lock", (), False),
        ("threading.Lock()", ("locked()",), False),
        ("os.environ", (), True),
        ("pathlib.Path()", (), False),
        ("pathlib.Path()", ("glob()",), True),
        ("pathlib.Path()", ("glob()", "[each]"), False),
        ("os.scandir()", ("[each]",), True),
        ("os.scandir()", ("[each]", "name"), False),
        ("pymongo.MongoClient()", ("[db]", "images"), True),
        ("pymongo.MongoClient()", ("[db]", "images", "find_one()"), False),
        ("boto3.resource()", ("Bucket()",), True),
        ("boto3.Session()", ("client()",), True),
        ("boto3.Session()", ("region_name",), False),
        ("multiprocessing.Manager()", ("dict()",), False),
        ("multiprocessing.Lock()", (), False),
    ],
)
def test_what_is_in_the_table(name: str, steps: tuple[str, ...], holds: bool) -> None:
    assert (attributes.kind(name, steps) is not None) == holds


def test_the_evidence_of_what_can_be_sent_is_not_in_the_table() -> None:
    sendable = ("re.compile()", "logging.getLogger()", "socket.socket()", "requests.Session()", "collections.deque()")
    assert not [name for name in sendable if name in ATTRIBUTES]
