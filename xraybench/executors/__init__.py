"""Where cells run: processes of this machine, and adapters for larger ones."""
