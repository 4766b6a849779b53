"""The batch that a device forwards fastest: where doubling stops, and one answer for all processes of a machine."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from xraybench.cells import sweet_spot as module
from xraybench.cells.sweet_spot import GAIN, MOST_IMAGES, fastest, seconds_of, sweet_spot
from xraybench.errors import RecordError

IMAGE = torch.rand(1, 8, 8)
NETWORK = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 2))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xraybench" / "forwards"


@pytest.fixture
def measured(monkeypatch):
    """Answers in place of measurements, 128, 256, ...: how often it was asked is its length."""
    answers = []

    def found(least, seconds):
        answers.append(64 * 2 ** (1 + len(answers)))
        return answers[-1]

    monkeypatch.setattr(module, "fastest", found)
    return answers


@given(st.floats(0, 1e3), st.floats(1e-3, 1), st.integers(1, 64))
def test_doubling_stops_where_the_fixed_part_of_a_forward_is_spread_out(fixed, each, least):
    """Seconds of n images fixed + n each: doubling gives 2 (fixed + n each) / (fixed + 2 n each) times the images."""
    found = fastest(least, lambda size: fixed + size * each)

    def gain(size: int) -> float:
        return 2 * (fixed + size * each) / (fixed + 2 * size * each)

    sizes = [least * 2**k for k in range(11) if least * 2**k < found]
    assert all(gain(size) >= GAIN for size in sizes)
    assert gain(found) < GAIN or 2 * found > MOST_IMAGES


def test_what_takes_too_much_memory_is_not_chosen():
    assert fastest(4, lambda size: 1.0 if size <= 32 else None) == 32
    assert fastest(4, lambda size: None) == 4


def test_a_forward_is_timed_and_its_memory_bounded(monkeypatch):
    seconds = seconds_of(NETWORK, IMAGE, 16)
    assert seconds is not None
    assert seconds > 0
    monkeypatch.setattr(module, "MOST_BYTES", -1)
    assert seconds_of(NETWORK, IMAGE, 16) is None


def test_a_device_that_runs_out_of_memory_ends_the_search():
    class Large(torch.Tensor):
        def contiguous(self, **options):
            raise torch.OutOfMemoryError("no room for the batch")

    class Full(nn.Module):
        def forward(self, images):
            if len(images) > 8:
                raise torch.OutOfMemoryError("no room")
            return images.sum((1, 2, 3))

    assert seconds_of(Full(), IMAGE, 16) is None
    assert seconds_of(Full(), IMAGE, 8) is not None
    assert seconds_of(NETWORK, IMAGE.as_subclass(Large), 8) is None


def test_it_is_found_once_and_kept(cache, measured):
    assert [sweet_spot(NETWORK, IMAGE, 64) for _ in range(3)] == [128] * 3
    assert len(measured) == 1
    (file,) = cache.iterdir()
    kept = json.loads(file.read_text())
    assert (kept["images"], kept["device"], kept["image"]) == (128, "cpu", [1, 8, 8])


def test_other_networks_and_images_have_their_own(cache, measured):
    wider = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    assert sweet_spot(NETWORK, IMAGE, 64) != sweet_spot(wider, IMAGE, 64)
    assert sweet_spot(NETWORK, torch.rand(1, 9, 9), 64) == 512
    again = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 2))  # other weights, the same work
    assert sweet_spot(again, IMAGE, 64) == 128


def test_of_two_processes_that_measure_at_once_the_first_is_believed(cache, monkeypatch):
    def slow(least, seconds):
        monkeypatch.setattr(module, "fastest", lambda *_: 256)
        assert sweet_spot(NETWORK, IMAGE, 64) == 256  # another process, meanwhile
        return 128

    monkeypatch.setattr(module, "fastest", slow)
    assert sweet_spot(NETWORK, IMAGE, 64) == 256
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"images": null}', '{"images": 0}', '{"images": 63}', '{"images": 1e9}'])
def test_a_torn_file_is_named_with_its_cure(cache, measured, text):
    sweet_spot(NETWORK, IMAGE, 64)
    (file,) = cache.iterdir()
    file.write_text(text)
    with pytest.raises(RecordError, match=file.name) as raised:
        sweet_spot(NETWORK, IMAGE, 64)
    assert "delete it" in raised.value.hint


def test_without_hard_links_it_is_kept_too(cache, measured, monkeypatch):
    def refused(*paths):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(module.os, "link", refused)
    assert [sweet_spot(NETWORK, IMAGE, 64) for _ in range(3)] == [128] * 3
    assert [file.suffix for file in cache.iterdir()] == [".json"]


def test_an_error_of_the_network_leaves_nothing(cache):
    class Broken(nn.Module):
        def forward(self, images):
            raise ValueError("of another shape")

    with pytest.raises(ValueError, match="of another shape"):
        sweet_spot(Broken(), IMAGE, 64)
    assert not list(cache.iterdir())


def test_on_a_full_disk_nothing_is_measured(cache, measured, monkeypatch):
    def full(*arguments, **named):
        raise OSError("no space left on device")

    monkeypatch.setattr(module.Path, "write_text", full)
    assert sweet_spot(NETWORK, IMAGE, 64) == 64
    assert not measured
    assert not list(cache.iterdir())


def test_where_nothing_can_be_kept_nothing_is_measured(tmp_path, monkeypatch, measured):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a-file"))
    assert sweet_spot(NETWORK, IMAGE, 64) == 64
    monkeypatch.delenv("XDG_CACHE_HOME")

    def nobody():
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(module.Path, "home", nobody)
    assert sweet_spot(NETWORK, IMAGE, 64) == 64
    assert not measured


def test_really_measured_it_is_the_least_or_a_doubling_of_it(cache):
    assert sweet_spot(NETWORK, IMAGE, 8) in {8 * 2**k for k in range(8)}


@pytest.mark.gpu
def test_on_a_gpu_it_is_kept_by_the_name_of_the_device(cache):
    found = sweet_spot(NETWORK.cuda(), IMAGE.cuda(), 8)
    NETWORK.cpu()
    (file,) = cache.iterdir()
    assert json.loads(file.read_text())["device"] == torch.cuda.get_device_name()
    assert found >= 8
