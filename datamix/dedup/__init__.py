"""Duplicates: edges are measured, keepers are decided."""
