"""What a radiologist would dictate about a wrist case: findings, negations, doubt, and sometimes a slip of the pen."""

from __future__ import annotations

from xraybench.data.phantom.cases import Case
from xraybench.data.phantom.wrist_views import Worn

SEEN = {
    "displaced": ("Displaced fracture of the {bone}.",
                  "There is a fracture of the {bone} with displacement of the distal fragment.",
                  "Complete {bone} fracture, displaced by more than half of the shaft's width."),
    "moderate": ("Fracture of the {bone} without displacement.", "Undisplaced {bone} fracture.",
                 "A fracture line crosses the {bone}; alignment is kept."),
    "hairline": ("Hairline fracture of the {bone}.", "Suspected fissure of the {bone}; follow-up advised.",
                 "A fracture of the {bone} is likely but cannot be proven.", "Subtle cortical break of the {bone}."),
}  # fmt: skip
ABSENT = (
    "No fracture.", "No evidence of a fracture.", "Fracture is excluded.", "Bones intact, normal alignment.",
    "There is no sign of a recent fracture.", "A fracture cannot be seen; clinical follow-up if pain persists.",
)  # fmt: skip
PLATES = ("Growth plates open, of normal width.", "Open growth plates, no fracture through them.")
GROOVE = ("A nutrient vessel should not be mistaken for a fracture.", "Vessel groove, no significance.")
METAL = ("Hardware in place, no loosening.", "Osteosynthesis of the distal radius, unchanged.")
CAST = ("Imaged in a cast.", "Cast in place, which limits the assessment of detail.")
CLOSING = ("Soft tissue unremarkable.", "No other finding.", "", "Carpal bones in line.")
SLIPS = {"fracture": "fractrue", "radius": "raduis", "displacement": "dispacement", "ulna": "unla", "Growth": "Growht"}
SLIP_SHARE = 0.12  # reports with a misspelling


def report(case: Case, worn: Worn) -> str:
    """The report of a case, both views together; the same for the same case."""
    rng = case.generator("report")

    def one(choices: tuple[str, ...]) -> str:
        return choices[int(rng.integers(len(choices)))]

    bone = case.bone if case.bone.startswith("metacarpal") else f"distal {case.bone}"
    sentences = [one(CAST)] if worn.cast else []
    sentences.append(one(SEEN[case.grade]).format(bone=bone) if case.fracture else one(ABSENT))
    if "growth plate" in case.look_alike or case.look_alike == "both":
        sentences += [one(PLATES)] if rng.uniform() < 0.5 else []
    if case.groove and rng.uniform() < 0.3:
        sentences.append(one(GROOVE))
    sentences += [one(METAL)] if worn.metal else []
    text = " ".join(part for part in (*sentences, one(CLOSING)) if part)
    if rng.uniform() < SLIP_SHARE:
        word = next((word for word in SLIPS if word in text), "")
        text = text.replace(word, SLIPS[word], 1) if word else text
    return text
