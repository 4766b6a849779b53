"""Calls, near names, and plug-ins as they are really installed."""

import json
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
    ],
)  # fmt: skip
def test_calls_are_read(text, expected):
    assert parse_call(text) == expected


@pytest.mark.parametrize("text", ["rise(", "rise(500)", "rise(masks=)", "", "two words"])
def test_what_is_not_a_call_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse_call(text)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers() | st.booleans(), max_size=4))
def test_a_call_survives_being_written(parameters):
    call = Call("name", parameters)
    written = str(call).replace("True", "true").replace("False", "false")
    assert parse_call(written) == call


def test_misspelt_names_and_parameters_get_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'grad-cam'"):
        registry.find("explainers", "grad-camm")
    with pytest.raises(UsageError, match="did you mean 'steps'"):
        registry.build("explainers", Call("integrated-gradients", {"step": 3}))


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
