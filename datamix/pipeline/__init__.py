"""The stages of a run: measure, deduplicate, decide, publish."""
