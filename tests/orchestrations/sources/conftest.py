"""Fixtures of the source tests: two tenants' files, and engines over one of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrations.sources import DatasetInfo, Engine, EngineLimits, dataset_import, engine_open


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tenant's only file: 1,000 orders."""
    path = tmp_path_factory.mktemp("acme") / "orders.parquet"
    ids = list(range(1, 1001))
    emails = [f"ada{number}@acme.example" for number in ids]
    pq.write_table(pa.table({"id": ids, "email": emails, "amount": [number / 4 for number in ids]}), path)
    return path


@pytest.fixture(scope="module")
def theirs(ours: Path) -> Path:
    """A file of another tenant, in a folder beside ours."""
    path = ours.parent.parent / "globex" / "people.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"email": ["charlie@globex.example"]}), path)
    return path


@pytest.fixture(scope="module")
def engine(ours: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with ordinary limits over our file."""
    with engine_open({"orders": ours}, workdir=tmp_path_factory.mktemp("work")) as opened:
        yield opened


@pytest.fixture(scope="module")
def tight(ours: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with little of everything, so that limits are met soon."""
    limits = EngineLimits(memory="128MB", temp="20MB", seconds=2, rows=10_000)
    with engine_open({"orders": ours}, workdir=tmp_path_factory.mktemp("work"), limits=limits) as opened:
        yield opened


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., tuple[DatasetInfo, list[dict[str, object]]]]:
    """Import bytes or text, and return what was said of them and the rows that came out."""

    def run(content: bytes | str, filename: str = "upload.csv", **options: int):
        source = tmp_path / "upload"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        target = tmp_path / "stored" / "dataset.parquet"
        info = dataset_import(source, target, filename=filename, **options)
        return info, pq.read_table(target).to_pylist()

    return run
