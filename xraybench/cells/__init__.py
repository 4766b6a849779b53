"""The work of a run, as functions that any process may call: train one model, compute one cell."""
