"""Runs, pictures, sessions and what was said of them, kept for good."""
