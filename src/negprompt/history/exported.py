"""A chat of the history → one JSON object: what was said, what came of it, which pictures."""

from typing import Any

from negprompt.history import looking, sessions
from negprompt.history.opening import History


def exported(history: History, number: int) -> dict[str, Any]:
    """A chat as ``Session.exported`` gives it, with the pictures of each turn in place of states.

    States name layers by their whole hash, which would confirm a guess at terms that only their
    owner may see.  Raises RequestError ``session-unknown``.
    """
    plain = sessions.session(history, number).exported()
    for turn in plain["turns"]:
        for decision in turn["decisions"]:
            del decision["state"]
        turn["pictures"] = [
            picture for run in turn["runs"] for picture in _pictures(looking.run(history, run))
        ]
    return plain


def _pictures(run: looking.Run) -> list[dict[str, Any]]:
    return [
        {
            "run": run.id,
            "path": str(image.path),
            "sha256": image.sha256,
            "seed": image.seed,
            "prompt": run.prompt,
            "effective_negative": run.effective_negative,
            "policies": list(run.policies),
            "passes": run.passes,
            "seconds": run.seconds,
        }
        for image in run.images
    ]
