"""Index and identity of a folder of one's own with 200,000 images: `pytest benchmarks/bench_own_folder_index.py`."""

import pytest

from xraybench.data.sources._folder import _index
from xraybench.data.sources.folder import OwnFolder

IMAGES = 200_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The table; the files that it names are not there."""
    folder = tmp_path_factory.mktemp("own")
    rows = (f"{n // 1000}/{n}.dcm,p{n // 3},s{n},PA,{n % 2}\n" for n in range(IMAGES))
    (folder / "images.csv").write_text("path,patient_id,study_id,view,label\n" + "".join(rows))
    return folder


def test_index(benchmark, folder):
    index = benchmark.pedantic(OwnFolder(folder, {}).index, setup=_index.cache_clear, rounds=3)
    assert len(index) == IMAGES


def test_identity_after_the_index(benchmark, folder):
    source = OwnFolder(folder, {})
    source.index()
    benchmark.pedantic(source.identity, rounds=3)
