"""Computed radiographs with known answers."""
