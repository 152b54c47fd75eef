"""Generations → verdicts: what a negative did, counted on paired seeds, with intervals."""
