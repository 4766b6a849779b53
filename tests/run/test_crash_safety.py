"""Whatever happens, finished cells are kept, nothing is overwritten unasked, and the scores come out the same."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.run.conftest import ARGUMENTS, METRICS, command, run_folder, run_here, scores_of
from xraybench.score_files import read_scores, write_scores


def start(task_file, out, **options):
    line = command(task_file, out, *ARGUMENTS)
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for(pattern, out, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not list(out.glob(pattern)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def again(task_file, out):
    return run_here(task_file, out, *ARGUMENTS)


@pytest.mark.parametrize("moment", ["data/*/images.npy", "*/models/*/model.json", "*/cells/*/cell.json"])
def test_after_kill_9_the_final_scores_are_those_of_an_uninterrupted_run(task_file, finished, tmp_path, moment):
    process = start(task_file, tmp_path)
    wait_for(moment, tmp_path, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/cells/*/cell.json")}
    done = again(task_file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert scores_of(tmp_path) == scores_of(finished)
    if "cell.json" in moment:
        assert kept
        assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(task_file, tmp_path):
    def heeds_ctrl_c():  # a shell starts background jobs with the signal ignored, and they pass that on
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = start(task_file, tmp_path, start_new_session=True, preexec_fn=heeds_ctrl_c)
    wait_for("*/models/*", tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    _, narration = process.communicate(timeout=60)
    assert process.returncode == 130, narration
    assert "give the same command again" in narration
    assert "Traceback" not in narration


def test_a_full_disk_ends_the_run_with_a_clear_error_and_the_next_one_finishes(task_file, finished, tmp_path):
    def little_room():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))  # maps fit, weights do not

    process = start(task_file, tmp_path, preexec_fn=little_room)
    _, narration = process.communicate(timeout=300)
    assert process.returncode == 1, narration
    assert "cannot be written" in narration
    assert "finished cells are kept" in narration
    assert "Traceback" not in narration
    done = again(task_file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert scores_of(tmp_path) == scores_of(finished)


def test_an_unreadable_cell_is_an_error_and_stays_as_it_is(task_file, copy):
    path = next(run_folder(copy).glob("cells/*/cell.json"))
    path.write_text('{"half": ')
    done = again(task_file, copy)
    assert done.returncode == 4
    assert str(path) in done.stderr
    assert "hint" in done.stderr
    assert path.read_text() == '{"half": '


def test_a_run_of_another_format_is_an_error_and_stays_as_it_is(task_file, copy):
    path = run_folder(copy) / "run.json"
    record = json.loads(path.read_text()) | {"schema_version": 99}
    path.write_text(json.dumps(record))
    done = again(task_file, copy)
    assert done.returncode == 4
    assert "is of format 99" in done.stderr
    assert json.loads(path.read_text()) == record


def gone(path):
    path.unlink()


def torn(path):
    path.write_bytes(path.read_bytes()[:900])


def lacking_one(path):
    scores = read_scores(path.parent)
    scores.pop("srg")
    write_scores(path.parent, scores)


@pytest.mark.parametrize("spoil", [gone, torn, lacking_one])
def test_a_score_file_that_lacks_something_is_computed_again_whole(task_file, finished, copy, spoil):
    """What other commands asked for, too; from the maps that are there."""
    path = next(run_folder(copy).glob("cells/*gradient*/scores.parquet"))
    maps = (path.parent / "maps.npy").stat().st_mtime_ns
    spoil(path)
    done = run_here(task_file, copy, "--explainer", "gradient,grad-cam", "--metric", "complexity", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    with_more = {name: values for name, values in scores_of(copy).items() if not name.endswith(" complexity")}
    assert with_more == scores_of(finished)
    assert (path.parent / "maps.npy").stat().st_mtime_ns == maps
    spoil(path)
    done = again(task_file, copy)
    assert "1 cells computed, 10 kept" in done.stderr
    assert {*read_scores(path.parent)} == {*METRICS.split(","), "complexity"}
