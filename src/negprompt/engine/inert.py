"""A scale and a model → what of a negative cannot act there, said in words with the cure."""

from typing import TYPE_CHECKING

from negprompt.errors import Notice
from negprompt.policy.plan import Plan

if TYPE_CHECKING:
    from negprompt.models.load import Model


def inert_notices(scale: float | None, planned: Plan) -> tuple[Notice, ...]:
    """What of the guidance cannot act: ``scale-one``, ``negative-weight-inert``."""
    notices = []
    if scale == 1:
        idle = "the negative does nothing: " if planned.negatives else ""
        text = f"at scale 1 {idle}every step is one pass of the prompt alone; raise the scale"
        notices.append(Notice("scale-one", text))
    if len(planned.negatives) == 1 and planned.negatives[0].weight != 1:
        text = "the weight of a single negative cancels; write (text:1.5) in it, or raise the scale"
        notices.append(Notice("negative-weight-inert", text))
    return tuple(notices)


def distilled_notices(model: "Model", scale: float, planned: Plan) -> tuple[Notice, ...]:
    """What a distilled model does with negatives: ``few-step-model``, ``guidance-distilled``."""
    if not model.few_step:
        inert = model.family.cfg == scale == 1 and planned.negatives
        text = (
            f"{model.family.name} has its guidance built in, so at scale 1 no negative acts; "
            "a scale of 1.5 to 4 (--cfg) adds true guidance, one more pass a step for each negative"
        )
        return (Notice("guidance-distilled", text),) if inert else ()
    does = "no negative acts" if scale == 1 else "every step costs two passes and may burn"
    text = (
        f"{model.name} seems to be made for few steps at scale 1 ({model.few_step}): at scale "
        f"{scale:g} {does}; try one of 1.5 to 2 (--cfg) with a few more steps, or the base model"
    )
    return (Notice("few-step-model", text),)
