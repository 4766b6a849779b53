"""Reports of wrist radiographs, written by hand for the tests, without a look at how the labeller works.

Every finding sentence carries the label that a reader gave it: 1 where the patient would be treated as fractured, that
is also where a fracture is possible, suspected or cannot be excluded; 0 otherwise. Nearly all of them name a fracture,
so that the word alone tells nothing.
"""

import csv
import random
from pathlib import Path

FRACTURE = [
    "There is a fracture of the distal radius.",
    "Acute transverse fracture of the distal radial metaphysis with dorsal angulation.",
    "Comminuted intra-articular fracture of the distal radius.",
    "Fracture of the ulnar styloid is seen.",
    "Buckle fracture of the distal radius, dorsal cortex.",
    "Torus fracture at the metaphysis.",
    "Greenstick fracture of the radius and ulna.",
    "Undisplaced fracture through the scaphoid waist.",
    "The lateral view shows a fracture line that reaches the joint.",
    "Displaced fracture of the fifth metacarpal neck.",
    "Salter-Harris II fracture of the distal radius.",
    "Fracture again seen, unchanged position in plaster.",
    "Healing fracture with callus, position unchanged.",
]
MISSPELT_FRACTURE = [
    "There is a fractre of the distal radius.",
    "Acute transverse frature of the distal radial metaphysis.",
    "Undisplaced fracutre through the scaphoid waist.",
    "Bukle fracture of the distal raduis.",
    "Displaced fractur of the ulnar stiloid is seen.",
]
POSSIBLE = [
    "Possible fracture of the distal radius.",
    "Possible undisplaced fracture of the scaphoid, repeat films in ten days.",
    "A fracture of the scaphoid cannot be excluded.",
    "Undisplaced fracture of the radius can not be ruled out.",
    "Suspicious for a buckle fracture of the distal radius.",
    "Findings are suspicious for an occult fracture, MRI is advised.",
    "Probable fracture of the triquetrum.",
    "Cortical step, a fracture is likely.",
    "Fracture line cannot be excluded at the ulnar styloid, clinical correlation.",
]
NO_FRACTURE = [
    "No fracture.",
    "No fracture is seen.",
    "No acute fracture or dislocation.",
    "There is no fracture of the distal radius.",
    "No evidence of fracture.",
    "Without evidence of fracture.",
    "No displaced or undisplaced fracture.",
    "No bony injury, in particular no fracture of the scaphoid.",
    "Neither fracture nor dislocation.",
    "Negative for fracture.",
    "A fracture is not seen.",
    "The radius and ulna are intact without fracture.",
    "A fracture has been excluded.",
    "Wrist within normal limits, no sign of fracture.",
    "The line at the metaphysis is the growth plate, no fracture.",
    "Vessel groove, not a fracture.",
]
MISSPELT_NO_FRACTURE = [
    "No fractre is seen.",
    "No evidnce of fracture.",
    "No acute frature or dislocation.",
    "Without evidence of fracutre.",
    "Neither fractur nor dislocation.",
]
UNLIKELY = [
    "A fracture is unlikely.",
    "No convincing fracture.",
    "No definite fracture line, findings are those of a growth plate.",
    "Old healed fracture only, no acute fracture.",
]
HISTORY = [
    "History: fall on the outstretched hand.",
    "Clinical question: fracture?",
    "Pain after a fall from a bicycle, rule out fracture.",
    "Tender at the snuff box.",
    "Follow-up.",
    "",
    "Direct blow during football.",
    "Known fracture of the other wrist last year.",
]
TECHNIQUE = [
    "Wrist, frontal and lateral.",
    "Two views of the left wrist.",
    "PA and lateral radiographs of the right wrist.",
    "Comparison: none.",
]
BESIDE = [
    "Soft tissue swelling.",
    "The carpal bones are in line.",
    "Growth plates are open.",
    "No foreign body.",
    "Mild osteopenia.",
    "Plaster cast in place.",
    "Joint spaces are preserved.",
    "Negative ulnar variance.",
    "No dislocation.",
    "Degenerative change at the base of the thumb.",
]
SENTENCES = [(text, 1) for text in FRACTURE + MISSPELT_FRACTURE + POSSIBLE] + [
    (text, 0) for text in NO_FRACTURE + MISSPELT_NO_FRACTURE + UNLIKELY
]


def report(draw: random.Random, finding: str) -> str:
    """A whole report about one finding sentence; now and then in capitals, or broken into lines."""
    beside = draw.sample(BESIDE, draw.randint(1, 3))
    place = draw.randint(0, len(beside))
    parts = [draw.choice(HISTORY), draw.choice(TECHNIQUE), *beside[:place], finding, *beside[place:]]
    text = draw.choice([" ", " ", "\n"]).join(part for part in parts if part)
    return text.upper() if draw.random() < 0.1 else text


def table(count: int, seed: int = 0, sentences=SENTENCES, labelled: float = 1.0) -> list[dict[str, str]]:
    """Rows with `truth` beside `fracture`, which is blank in a share of them; two or three reports a patient."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        finding, truth = draw.choice(sentences)
        rows.append(
            {
                "study": f"s{number}",
                "patient_id": f"p{draw.randrange(max(1, count * 2 // 5))}",
                "report": report(draw, finding),
                "fracture": str(truth) if draw.random() < labelled else "",
                "truth": str(truth),
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
