"""A plan written out in training formats."""
