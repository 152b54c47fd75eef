"""What is asked for, in words: positive, negatives, layers, terms, notices.  No tensors."""

from negprompt.policy.layers import Layer, LayerTerm
from negprompt.policy.plan import Negative, Plan, Term, plan, terms

__all__ = ["Layer", "LayerTerm", "Negative", "Plan", "Term", "plan", "terms"]
