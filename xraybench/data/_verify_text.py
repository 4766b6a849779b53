"""A verification as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from xraybench.data.verify import Broken, Verification

SHOWN = 5  # of every list, with the number of the others


def lines_of(found: Verification) -> Iterator[str]:
    """What was found, what is missing, what is wrong, what may be done with it."""
    yield f"{found.title} ({found.source})"
    yield f"  licence    {found.licence}"
    yield f"  cite       {found.citation}"
    yield f"  obtain     {found.obtain}"
    yield f"  pixels     {'may be published' if found.pixels_may_be_published else 'may not be published'}"
    for name, count in (("listed", found.listed), ("found", found.found)):
        yield f"  {name:<11}{count.images:,} images, {count.patients:,} patients, {count.studies:,} studies"
    yield from _shortened("missing", list(found.missing), "; to use what is there, set the source's `partial = true`")
    for what, pair in found.official.items():
        listed = "not counted" if pair.listed is None else f"{pair.listed:,} listed"
        agrees = pair.listed in (None, pair.official)
        yield f"  official   {what}: {pair.official:,}; {listed}{'' if agrees else '  <- differs'}"
    yield from _table(found)
    for name, images in found.annotated.items():
        yield f"  annotated  {name}: {images:,} images"
    yield from _shortened("no decode", [_broken(one) for one in found.undecodable])
    yield from _shortened("misfits", [_broken(one) for one in found.misfits])
    within = [group for group in found.duplicates if len(group.splits) == 1]
    for name, groups in (("across", found.across_splits), ("same", within)):
        texts = [f"{' = '.join(group.image_ids)} ({', '.join(group.splits)})" for group in groups]
        yield from _shortened(name, texts, " of images with equal pixels")
    shared = [f"patient {one.patient_id} in {' and '.join(one.splits)}" for one in found.shared_patients]
    yield from _shortened("shared", shared)
    yield from (f"  refused    {reason}" for reason in found.refusals)


def _broken(one: Broken) -> str:
    return f"{one.path or one.image_id}: {one.reason.removeprefix(f'{one.path}: ')}"


def _shortened(name: str, texts: list[str], why: str = "") -> Iterator[str]:
    """The first of a list, and how many it has."""
    if texts:
        yield f"  {name:<11}{len(texts):,}{why}"
        yield from (f"               {text}" for text in texts[:SHOWN])
        if len(texts) > SHOWN:
            yield "               ... (all with --json)"


def _table(found: Verification) -> Iterator[str]:
    """A line a split, and beneath it a line a label."""
    for split, count in found.splits.items():
        yield f"  {split:<11}{count.images:,} images, {count.patients:,} patients, {count.studies:,} studies"
        for label, by_split in found.labels.items():
            values = by_split[split]
            rest = f", {values.uncertain:,} uncertain, {values.blank:,} blank"
            yield f"               {label}: {values.positive:,} positive, {values.negative:,} negative{rest}"
