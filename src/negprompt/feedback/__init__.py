"""Words about a picture → edits of the next negative."""
