"""How alike two layers are, over the same images: canonical correlation (cca.py) and kernel alignment (cka.py).

A layer is a matrix [N, C] of N samples and C channels, float64. Nothing here knows of models or data.
"""

from xraybench.similarity.cca import mean_cca, pwcca, svcca
from xraybench.similarity.cka import debiased_cka, linear_cka
from xraybench.similarity.layer import Layer, layer

__all__ = ["Layer", "debiased_cka", "layer", "linear_cka", "mean_cca", "pwcca", "svcca"]
