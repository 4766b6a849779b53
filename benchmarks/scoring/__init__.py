"""What scoring takes beside bare forwards, beside Quantus and beside a full CCA a pair: `python -m benchmarks.scoring`."""
