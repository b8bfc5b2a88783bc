"""Specifications that users write: the project file, mixtures, filter packs. Strict, frozen, with lines in errors."""
