"""Time of labelling 1,500 reports: `pytest benchmarks/bench_reports.py`. Aim on a core: well under a minute, whole."""

import itertools

import pytest

from tests.data import reports_by_hand as by_hand
from xraybench.data.reports import CLASSIFIERS
from xraybench.data.reports.labelling import Request, label_reports


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_four_classifiers_five_repeats(benchmark, tmp_path, model):
    rows = by_hand.table(1500) + [{**row, "fracture": ""} for row in by_hand.table(500, seed=1)]
    path, number = by_hand.write(tmp_path / "reports.csv", rows), itertools.count()
    request = Request("report", "fracture", model=model)
    benchmark.pedantic(
        lambda: label_reports(path, tmp_path / f"{next(number)}.csv", request, lambda *_: None), rounds=1
    )
