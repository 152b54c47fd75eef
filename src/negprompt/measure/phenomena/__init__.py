"""What is said of negatives, each saying with one number that settles it: the findings page.

Prompts × ways to make pictures → points and one contrast for each saying → reproduced or not, by
a rule that stood here before any picture.  Read in this order: ``ways``, ``measures``, ``sayings``,
``run``, ``figure``, ``written``.
"""
