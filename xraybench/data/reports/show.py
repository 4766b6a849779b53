"""A labelling on a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xraybench.data.reports.judging import Judged
from xraybench.data.reports.labelling import Labelling


def show(found: Labelling, console: Console) -> None:
    """Print the classifiers, the chosen one's reliability, what abstaining costs, and what was inferred."""
    whole = f"patients ({escape(found.cut_by)})" if found.cut_by else "rows"
    console.print(
        f"[bold]Classifiers on held-out reports[/]  {found.repeats} splits by {whole}; ± standard deviation over them; "
        "all but accuracy from the summed confusion matrix (true label, then predicted)",
        highlight=False,
    )
    console.print(_classifiers(found))
    console.print(
        f"[bold]{found.chosen}[/], calibrated, on the same held-out reports: Brier {found.brier:.4f}, "
        f"expected calibration error {found.calibration_error:.4f}",
        highlight=False,
    )
    console.print(_reliability(found))
    console.print("[bold]What abstaining costs[/]  on the same held-out reports", highlight=False)
    console.print(_coverage(found))
    _summary(found, console)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _classifiers(found: Labelling) -> Table:
    table = _table(
        "classifier", "accuracy", "precision", "recall", "F1", "kappa", "Brier", "1→1", "1→0", "0→1", "0→0"
    )  # fmt: skip
    for one in found.classifiers:
        table.add_row(*_row(one), style="bold" if one.name == found.chosen else "")
    return table


def _row(one: Judged) -> list[str]:
    (tn, fp), (fn, tp) = one.confusion
    accuracy = f"{one.accuracy:.3f}" + (f" ± {one.spread:.3f}" if one.spread is not None else "")
    scores = [_score(value) for value in (one.precision, one.recall, one.f1, one.kappa, one.brier)]
    return [one.name, accuracy, *scores, *(str(count) for count in (tp, fn, fp, tn))]


def _reliability(found: Labelling) -> Table:
    table = _table("probability", "reports", "mean", "share that is 1")
    for one in found.reliability:
        table.add_row(f"{one.low:.1f} to {one.high:.1f}", str(one.reports), _score(one.predicted), _score(one.observed))
    return table


def _coverage(found: Labelling) -> Table:
    table = _table("abstain above", "labelled", "share", "wrong", "accuracy")
    for one in found.coverage:
        cells = (f"{one.abstain:g}", str(one.labelled), _score(one.share), str(one.wrong), _score(one.accuracy))
        table.add_row(*cells, style="bold" if one.abstain == found.abstain else "")
    return table


def _summary(found: Labelling, console: Console) -> None:
    counts = found.counts
    of = f" of {counts.patients} patients" if counts.patients is not None else ""
    unused = f"; {counts.labelled_empty} without a word, not learnt from" if counts.labelled_empty else ""
    console.print(
        f"{counts.rows} rows{of}: {counts.labelled} with a label ({counts.labelled_1} with 1{unused}), "
        f"{counts.unlabelled} without",
        highlight=False,
    )
    console.print(
        f"inferred {counts.inferred_1} with 1, {counts.inferred_0} with 0; left without a label: "
        f"{counts.doubtful} in doubt above {found.abstain:g}, {counts.empty} empty, {counts.unknown} of unknown words",
        highlight=False,
    )
    console.print(escape(found.written), highlight=False)
