"""Explanation methods, one file a method family; each frozen dataclass is an explainer, its fields the parameters."""
