"""Mixtures: tokens to take from each component in each phase, and in which order."""
