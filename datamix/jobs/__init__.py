"""Scheduled and submitted Ray jobs."""
