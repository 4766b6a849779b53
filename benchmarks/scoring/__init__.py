"""What scoring takes beside bare forwards, Quantus, and a full CCA a pair: `python -m benchmarks.scoring`."""
