"""Maps that no model made: controls that a method must beat, and ceilings that it cannot."""
