"""A person's eyes as an instrument: hidden sides, labels, and the local page that shows them."""
