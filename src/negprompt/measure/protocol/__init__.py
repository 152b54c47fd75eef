"""``bench-v1``: what a way to say no does, breaks and costs, on prompts whose truth is known.

Cases (prompt, negative, what is true of them) in arms × methods → pictures that judges look at →
figures with intervals, beside what the world itself would show.  Read in this order: ``cases``,
``methods``, ``pictures``, ``target``, ``figures``, ``run``, ``written``.
"""
