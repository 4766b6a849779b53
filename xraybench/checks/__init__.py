"""What models and explainers promise, checked: for `xraybench check-plugin`, for plug-in authors, for our own tests."""

from xraybench.checks.explainer import Finding, check_explainer, small_models
from xraybench.checks.model import check_model

__all__ = ["Finding", "check_explainer", "check_model", "small_models"]
