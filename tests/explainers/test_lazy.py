"""Names are listed and work is planned without torch."""

import subprocess
import sys

LISTING = """
import sys
from xraybench import registry
for kind in ("explainers", "references"):
    for name in registry.TABLES[kind]:
        built = registry.build(kind, registry.parse_call(name))
        if kind == "explainers":
            built.cost(64), built.family, built.signed, built.needs
for call in ("captum:Occlusion(sliding_window_shapes=[1,8,8])", "zennit:EpsilonGammaBox(gamma=0.5)"):
    registry.build("explainers", registry.parse_call(call)).cost(64)
heavy = {"torch", "captum", "zennit", "numpy", "pandas"} & set(sys.modules)
sys.exit(f"imported {sorted(heavy)}" if heavy else 0)
"""


def test_explainers_and_references_are_built_and_priced_without_torch():
    done = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
