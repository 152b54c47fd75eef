"""What the pocket model's packs do: each whole, and each of their terms alone, on paired seeds.

Prompts of each pack → arms → rows by both judges → a page, JSON, and the ``evidence`` that the
packs' own files carry.  Read in this order: ``run``, ``written``, ``evidence``.
"""
