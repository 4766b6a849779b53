"""Classifiers, one file an architecture, built so that hooks and relevance rules are exact."""
