"""Scores of attribution maps, one file a metric: formula, paper, range, direction."""
