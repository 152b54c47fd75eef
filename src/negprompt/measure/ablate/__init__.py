"""A negative on any model → what each of its terms does, breaks and costs, and how sure that is."""

from negprompt.measure.ablate.findings import Known, Report
from negprompt.measure.ablate.gallery import Gallery, gallery
from negprompt.measure.ablate.question import Arm, Question
from negprompt.measure.ablate.run import Look, ablate

__all__ = ["Arm", "Gallery", "Known", "Look", "Question", "Report", "ablate", "gallery"]
