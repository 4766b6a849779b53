"""Single radiographs explained with a trained model of a run: pictures, a page, and what they show as values."""
