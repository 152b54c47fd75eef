"""A picture and its flaw → which change comes next: ``diagnose``."""

from negprompt.measure.diagnose.run import diagnose
from negprompt.measure.diagnose.said import Case
from negprompt.measure.diagnose.verdict import AREAS, QUESTIONS, Answer, Diagnosis, Kind, Verdict

__all__ = ["AREAS", "QUESTIONS", "Answer", "Case", "Diagnosis", "Kind", "Verdict", "diagnose"]
