"""Radiographs: sources, splits, preparation, phantoms."""
