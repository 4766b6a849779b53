"""`xraybench data label-reports`, whole: what is inferred is right, what was there is untouched, mistakes are named."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.data import reports_by_hand as by_hand
from tests.here import here
from xraybench.cli import cli
from xraybench.data.reports.labelling import Request, label_reports
from xraybench.errors import DataError, UsageError

DOCUMENT = Path(__file__).parents[2] / "docs/report-labelling.md"
QUICK = {"model": "logistic-regression", "repeats": 1}


def label(path, out, **changes):
    return label_reports(path, out, Request(**({"text": "report", "label": "fracture", **QUICK} | changes)), progress)


def progress(done, total):
    assert 0 < done <= total


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return by_hand.write(tmp_path_factory.mktemp("reports") / "reports.csv", by_hand.table(700, labelled=0.6))


@pytest.fixture(scope="module")
def made(table):
    out = table.with_name("labelled.csv")
    return label(table, out), by_hand.read(out)


@pytest.mark.parametrize(
    "sentences",
    [
        by_hand.FRACTURE,
        by_hand.MISSPELT_FRACTURE,
        by_hand.POSSIBLE,
        by_hand.NO_FRACTURE,
        by_hand.MISSPELT_NO_FRACTURE,
        by_hand.UNLIKELY,
    ],
    ids=["fracture", "misspelt", "possible", "no fracture", "no, misspelt", "unlikely"],
)
def test_inferred_labels_are_right_under_negation_uncertainty_and_misspelling(made, sentences):
    texts = [sentence.lower() for sentence in sentences]
    found = [
        row
        for row in made[1]
        if row["fracture_inferred"] == "1" and any(text in row["report"].lower() for text in texts)
    ]
    assert len(found) >= 5
    assert np.mean([row["fracture"] == row["truth"] for row in found]) >= 0.95


NEW_REPORTS = [
    ("WRIST, TWO VIEWS. NO EVIDENCE OF ACUTE FRACTURE.", 0),
    ("Fracture of the distal ulna is seen. Soft tissue swelling.", 1),
    ("Possible fracture of the ulna.", 1),
    ("A fracture of the radius cannot be excluded.", 1),
    ("Joint spaces are preserved. No definite fracture is seen.", 0),
    ("Without evidence of acute frature.", 0),
    ("Acute fracutre of the radius with dorsal angulation.", 1),
]


def test_sentences_put_together_anew_are_read_right(tmp_path):
    rows = by_hand.table(500)
    rows += [{**rows[0], "patient_id": "new", "report": report, "fracture": ""} for report, _ in NEW_REPORTS]
    label(by_hand.write(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    read = [float(row["fracture_probability"]) >= 0.5 for row in by_hand.read(tmp_path / "out.csv")[500:]]
    assert read == [bool(truth) for _, truth in NEW_REPORTS]


def test_abstaining_helps_on_wordings_never_seen(tmp_path):
    """Sentences of the inferred reports stand in no labelled one."""
    sure, every = [], []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(by_hand.SENTENCES))
        shuffled = [by_hand.SENTENCES[number] for number in order]
        known, new = shuffled[: len(order) * 7 // 10], shuffled[len(order) * 7 // 10 :]
        strange = [
            {**row, "patient_id": "new " + row["patient_id"], "fracture": ""} for row in by_hand.table(200, 7, new)
        ]
        path = by_hand.write(tmp_path / f"in{seed}.csv", by_hand.table(500, 5, known) + strange)
        label(path, tmp_path / f"out{seed}.csv")
        for row in by_hand.read(tmp_path / f"out{seed}.csv")[500:]:
            right = (float(row["fracture_probability"]) >= 0.5) == (row["truth"] == "1")
            every.append(right)
            if row["fracture_inferred"] == "1":
                sure.append(right)
    assert np.mean(sure) > np.mean(every) > 0.7
    assert np.mean(sure) > 0.8


def test_rows_and_columns_of_the_table_are_untouched(made, table):
    before = by_hand.read(table)
    assert list(made[1][0]) == [*before[0], "fracture_inferred", "fracture_probability"]
    for old, new in zip(before, made[1], strict=True):
        changed = {key for key in old if old[key] != new[key]}
        assert changed == ({"fracture"} if new["fracture_inferred"] == "1" else set())
        if old["fracture"]:
            assert (new["fracture_inferred"], new["fracture_probability"]) == ("0", "")


def test_labels_follow_the_probability_and_the_threshold(made):
    found, rows = made
    asked = [row for row in rows if row["fracture_probability"]]
    for row in asked:
        positive = float(row["fracture_probability"])
        sure = round(min(positive, 1 - positive), 4) <= found.abstain
        assert row["fracture_inferred"] == str(int(sure))
        assert row["fracture"] == (str(int(positive >= 0.5)) if sure else "")
    inferred = [row["fracture"] for row in rows if row["fracture_inferred"] == "1"]
    counts = found.counts
    assert (counts.inferred_1, counts.inferred_0) == (inferred.count("1"), inferred.count("0"))
    assert counts.doubtful == len(asked) - len(inferred)
    assert counts.unlabelled == len(asked) == counts.rows - counts.labelled


def test_a_stricter_threshold_labels_fewer_and_half_labels_all(table, tmp_path):
    counts = [label(table, tmp_path / f"{level}.csv", abstain=level).counts for level in (0.5, 0.05, 0.01)]
    assert counts[0].doubtful == 0
    labelled = [one.inferred_0 + one.inferred_1 for one in counts]
    assert labelled[0] > labelled[1] > labelled[2]


def test_reports_that_say_nothing_are_counted_and_left_alone(tmp_path):
    rows = by_hand.table(200)
    blank = {**rows[0], "fracture": ""}
    rows += [{**blank, "report": text} for text in ("", "   ", " -- ")] + [{**blank, "report": "Keine Fraktur"}]
    rows.append({**rows[0], "report": "\n"})
    found = label(by_hand.write(tmp_path / "in.csv", rows), tmp_path / "out.csv", abstain=0.5)
    assert (found.counts.empty, found.counts.unknown, found.counts.labelled_empty) == (3, 1, 1)
    for row in by_hand.read(tmp_path / "out.csv")[200:204]:
        assert (row["fracture"], row["fracture_inferred"], row["fracture_probability"]) == ("", "0", "")


def test_the_same_command_gives_the_same_bytes(tmp_path):
    table, outputs = by_hand.write(tmp_path / "in.csv", by_hand.table(250, labelled=0.6)), []
    for name in ("one", "two"):
        out = tmp_path / name / "labelled.csv"
        line = ["data", "label-reports", "--csv", str(table), "--label-column", "fracture", "--out", str(out), "--json"]
        line += ["--repeats", "1", "--model", "random-forest"]
        done = CliRunner().invoke(cli, line, catch_exceptions=False)
        outputs.append((out.read_bytes(), done.stdout.replace(str(out), "")))
    assert outputs[0] == outputs[1]
    other = tmp_path / "three.csv"
    label(table, other, seed=1, model="random-forest")
    assert other.read_bytes() != outputs[0][0]


def test_quotation_bom_and_line_breaks_survive(tmp_path):
    rows = by_hand.table(120)
    rows[0]["study"] = 'a "quoted", study'
    rows[1]["report"] += "\r\nSecond line; no fracture, é"
    rows[2]["fracture"] = "1.0" if rows[2]["truth"] == "1" else "0.0"
    path = by_hand.write(tmp_path / "in.csv", rows)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n")
    label(path, tmp_path / "out.csv")
    for old, new in zip(rows, by_hand.read(tmp_path / "out.csv"), strict=True):
        assert old.items() <= new.items()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"text": "reprot"}, UsageError, "did you mean 'report'"),
        ({"label": "fractured"}, UsageError, "did you mean 'fracture'"),
        ({"patient": "patient"}, UsageError, "did you mean 'patient_id'"),
    ],
)
def test_a_missing_column_gets_the_near_one(table, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        label(table, tmp_path / "out.csv", **changes)
    assert not list(tmp_path.iterdir())


def spoilt(**changes):
    """A table of 60 rows in which row 3 is other than it should be."""
    rows = by_hand.table(60)
    rows[2] |= changes
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (spoilt(fracture="yes"), "row 3: fracture is 'yes'"),
        (spoilt(fracture="2"), "row 3: fracture is '2'"),
        (spoilt(fracture="nan"), "row 3: fracture is 'nan'"),
        (spoilt(patient_id=" "), "row 3 has no patient_id"),
        ([row | {"fracture": ""} for row in by_hand.table(60)], "no report has a label"),
        ([row | {"fracture": "1"} for row in by_hand.table(60)], "no report is labelled 0"),
        (by_hand.table(12), "label at least 10 of each class"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(rows, message, tmp_path):
    path = by_hand.write(tmp_path / "in.csv", rows)
    with pytest.raises(DataError, match=re.escape(message)):
        label(path, tmp_path / "folder" / "out.csv")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no row below a heading"),
        (b"report,fracture\n", "has no row below a heading"),
        (b"report,fracture\nno, fracture,0\n", "row 1 has 3 cells, the heading 2"),
        (b"report,fracture\nok,1\nno fracture\n", "row 2 has 1 cells"),
        (b'report,fracture\n"no fracture,0\n', "is not CSV"),
        (b"report,fracture\nkein Bruch, F\xfc\xdfe,0\n", "is not UTF-8"),
        (b"report,report,fracture\na,b,0\n", "two columns are called 'report'"),
    ],
)
def test_a_file_that_is_no_table_is_named(content, message, tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)):
        label(path, tmp_path / "out.csv")


def test_nothing_is_written_over_and_a_missing_file_is_named(table, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("kept")
    with pytest.raises(DataError, match="exists already"):
        label(table, out)
    assert out.read_text() == "kept"
    with pytest.raises(DataError, match=r"nowhere.csv: cannot be read"):
        label(tmp_path / "nowhere.csv", tmp_path / "other.csv")
    blocked = out / "inside.csv"
    with pytest.raises(DataError, match="cannot be written"):
        label(table, blocked)


def test_labels_are_not_inferred_twice(made, table):
    with pytest.raises(UsageError, match="'fracture_inferred' already"):
        label(table.with_name("labelled.csv"), table.with_name("again.csv"))


def test_without_a_patient_column_rows_are_cut_and_it_says_so(tmp_path):
    rows = [{key: row[key] for key in ("report", "fracture")} for row in by_hand.table(120, labelled=0.8)]
    out = tmp_path / "out.csv"
    line = ["data", "label-reports", "--csv", str(by_hand.write(tmp_path / "in.csv", rows)), "--out", str(out)]
    with pytest.warns(UserWarning, match="no column 'patient_id'"):
        done = CliRunner().invoke(cli, [*line, "--label-column", "fracture", "--repeats", "1"], catch_exceptions=False)
    assert "1 splits by rows" in done.stdout


def test_json_holds_every_classifier_and_what_abstaining_costs(table, tmp_path):
    line = [
        "data",
        "label-reports",
        "--csv",
        str(table),
        "--label-column",
        "fracture",
        "--out",
        str(tmp_path / "o.csv"),
    ]
    done = CliRunner().invoke(cli, [*line, "--repeats", "2", "--abstain", "0.07", "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert [one["name"] for one in found["classifiers"]] == [
        "logistic-regression",
        "gradient-boosting",
        "random-forest",
        "naive-bayes",
    ]
    held_out = {sum(map(sum, one["confusion"])) for one in found["classifiers"]}
    assert len(held_out) == 1
    assert all(len(one["accuracies"]) == 2 for one in found["classifiers"])
    assert found["chosen"] == max(found["classifiers"], key=lambda one: one["kappa"])["name"]
    levels = [one["abstain"] for one in found["coverage"]]
    assert levels == [0.5, 0.2, 0.1, 0.07, 0.05, 0.02, 0.01]
    assert {found["coverage"][0]["labelled"]} == held_out == {sum(one["reports"] for one in found["reliability"])}
    assert 0 <= found["brier"] < 0.25


def test_the_documents_command_runs(tmp_path, monkeypatch):
    (block,) = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    rows = [{"report": row["report"], "fracture": row["fracture"], "patient_id": row["patient_id"]}
            for row in by_hand.table(150, labelled=0.7)]  # fmt: skip
    by_hand.write(tmp_path / "reports.csv", rows)
    monkeypatch.chdir(tmp_path)
    done = here(*shlex.split(block.replace("\\\n", " "))[1:])
    assert done.returncode == 0, done.stderr
    for phrase in ("naive-bayes", "kappa", "What abstaining costs", "expected calibration error", "labelled.csv"):
        assert phrase in done.stdout
    assert list(by_hand.read(tmp_path / "labelled.csv")[0])[-2:] == ["fracture_inferred", "fracture_probability"]
