"""Calls, near names, and plug-ins as they are really installed."""

import dataclasses
import json
import math
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraybench import registry
from xraybench.errors import UsageError
from xraybench.registry import Call, parse_call

PACKAGE = Path(__file__).parent / "plugin_package"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rise", Call("rise", {})),
        ("rise(masks=500, p=0.25)", Call("rise", {"masks": 500, "p": 0.25})),
        ("lrp-epsilon-plus-flat(bn=canonised)", Call("lrp-epsilon-plus-flat", {"bn": "canonised"})),
        ("captum:Occlusion(strides=[1, 8, 8])", Call("captum:Occlusion", {"strides": [1, 8, 8]})),
        ('x(name="a b", on=true)', Call("x", {"name": "a b", "on": True})),
        ("x(on=True, off=False, most=None)", Call("x", {"on": True, "off": False, "most": None})),
    ],
)  # fmt: skip
def test_calls_are_read(text, expected):
    assert parse_call(text) == expected


@pytest.mark.parametrize("text", ["rise(", "rise(500)", "rise(masks=)", "", "two words"])
def test_what_is_not_a_call_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse_call(text)


def test_a_parameter_given_twice_is_a_usage_error():
    with pytest.raises(UsageError, match="gives 'masks' twice"):
        parse_call("rise(masks=500, p=0.25, masks=20)")


WORDS = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda word: word not in ("true", "false", "inf", "nan"))
VALUES = (
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans() | WORDS | st.lists(st.integers(0, 99))
)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_a_call_survives_being_written(parameters):
    call = Call("name", parameters)
    assert parse_call(str(call)) == call


@pytest.mark.parametrize(
    ("written", "near"),
    [("grad-camm", "grad-cam"), ("Grad-CAM", "grad-cam"), ("LRP-Z", "lrp-z"), ("gradd", "gradient")],
)
def test_misspelt_names_get_the_near_one(written, near):
    with pytest.raises(UsageError, match=f"did you mean '{near}'"):
        registry.find("explainers", written)


def test_misspelt_parameters_get_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'steps'"):
        registry.build("explainers", Call("integrated-gradients", {"step": 3}))


FIELDS = [
    (kind, name, field)
    for kind in ("explainers", "references", "metrics")
    for name, entry in registry.entries(kind).items()
    for field in dataclasses.fields(registry.load(entry))
]


@pytest.mark.parametrize(("kind", "name", "field"), FIELDS, ids=[f"{name}-{field.name}" for _, name, field in FIELDS])
def test_a_parameter_takes_what_it_is_by_default_and_nothing_of_another_type(kind, name, field):
    if field.default is not None:
        built = registry.build(kind, Call(name, {field.name: field.default}))
        assert getattr(built, field.name) == field.default
    for value in ({}, [0.5], math.nan, -math.inf):
        with pytest.raises(UsageError, match=f"'{re.escape(name)}' does not take {field.name}=") as caught:
            registry.build(kind, Call(name, {field.name: value}))
        assert f"{field.name} should be" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("rise(masks=abc)", "masks should be a whole number"),
        ("kernel-shap(samples=[1])", "samples should be a whole number"),
        ("integrated-gradients(steps=2.5)", "steps should be a whole number"),
        ("integrated-gradients(steps=true)", "steps should be a whole number"),
        ("integrated-gradients(rule=simpson)", "rule should be 'midpoint' or 'gauss-legendre'"),
        ("occlusion(window=true)", "window should be a number"),
        ("smoothgrad(noise=nan)", "noise should be a finite number"),
        ("grad-cam(relu=yes)", "relu should be true or false"),
        ("grad-cam(relu=1)", "relu should be true or false"),
    ],
)
def test_a_value_of_another_type_is_a_usage_error_that_says_what_is_taken(written, cure):
    with pytest.raises(UsageError) as caught:
        registry.build("explainers", parse_call(written))
    assert caught.value.hint == cure


@given(st.integers(min_value=1, max_value=1000))
def test_a_whole_number_passes_for_a_number(noise):
    assert registry.build("explainers", Call("smoothgrad", {"noise": noise})).noise == noise


def test_a_type_is_read_where_it_is_declared(tmp_path, monkeypatch):
    """A base's field in a module that knows its type; the subclass's own module does not, and need not."""
    (tmp_path / "base_of_plugin.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import Literal as OneOf\n"
        "@dataclass(frozen=True)\nclass Base:\n    way: OneOf['a', 'b'] = 'a'\n"
    )
    (tmp_path / "made_by_plugin.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from base_of_plugin import Base\n"
        "@dataclass(frozen=True)\nclass Made(Base):\n    known: ClassVar[OnlyWhenTypeChecked] = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    entry = registry.Entry("explainers", "made", "made_by_plugin:Made", "a plug-in")
    monkeypatch.setattr(registry, "plugins", lambda kind: {"made": entry})
    assert registry.build("explainers", Call("made", {"way": "b"})).way == "b"
    with pytest.raises(UsageError, match="way='c'"):
        registry.build("explainers", Call("made", {"way": "c"}))


@pytest.mark.parametrize("kind", ["explainers", "references", "metrics", "models", "sources"])
def test_every_built_in_loads(kind):
    for entry in registry.entries(kind).values():
        assert registry.load(entry) is not None


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The example plug-in built as a wheel and unpacked where Python looks for distributions."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "xraybench", *arguments]
    environment = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_an_installed_plug_in_is_listed_without_being_imported(installed):
    rows = {row["name"]: row for row in json.loads(run(installed, "list", "explainers", "--json").stdout)}
    assert rows["absolute-gradient"] == {
        "name": "absolute-gradient", "family": None, "signed": None, "cost": None, "origin": "xraybench-example 1.2.3",
    }  # fmt: skip
    plugins = json.loads(run(installed, "list", "plugins", "--json").stdout)
    assert {row["name"] for row in plugins} == {"absolute-gradient", "broken", "coverage", "squares"}
    rows = {row["name"]: row for row in json.loads(run(installed, "list", "sources", "--json").stdout)}
    assert rows["squares"]["origin"] == "xraybench-example 1.2.3"
    assert rows["grazpedwri"]["origin"] == "built-in"


@pytest.mark.parametrize("name", ["absolute-gradient", "coverage", "squares"])
def test_a_good_plug_in_passes_its_check(installed, name):
    done = run(installed, "check-plugin", name, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(finding["passed"] for finding in json.loads(done.stdout))


def test_a_broken_plug_in_fails_its_check_with_the_reason(installed):
    done = run(installed, "check-plugin", "broken")
    assert done.returncode == 4
    assert "No module named 'xraybench_example.missing'" in done.stdout


def test_a_broken_plug_in_is_one_warning_and_all_goes_on_without_it(installed, tmp_path):
    done = run(installed, "run", "--task", "wrist", "--dry-run", "--json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    explainers = {cell["explainer"] for cell in json.loads(done.stdout)["cells"]}
    assert "absolute-gradient" in explainers
    assert "broken" not in explainers
    assert done.stderr.count("warning") == 1


def test_asking_for_a_broken_plug_in_is_an_error(installed, tmp_path):
    done = run(installed, "run", "--task", "wrist", "--explainer", "broken", "--dry-run", "--out", str(tmp_path))
    assert done.returncode == 5
    assert "does not load" in done.stderr
