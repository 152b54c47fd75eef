"""What is asked for, in words: positive, negatives, terms, notices.  Standard library only."""

from negprompt.policy.plan import Negative, Plan, Term, plan, terms

__all__ = ["Negative", "Plan", "Term", "plan", "terms"]
