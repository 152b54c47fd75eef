"""Predictions → one: rules, what wraps them, and the one seam to diffusers."""
