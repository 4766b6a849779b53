"""What the fields of a training stage mean: loss, optimiser, augmentation, and which epoch's weights are kept."""
