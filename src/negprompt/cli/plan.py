"""``negprompt plan``: the effective negative before anything runs, term by term."""

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Final

from negprompt.cli import options, texts
from negprompt.cli.planning import FamilyName, family_of
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, notices, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from negprompt.policy.overview import Row

HEADINGS: Final = ("term", "weight", "layer", "reason", "status")
COLOURS: Final = {"enforced": "bold magenta", "user": "bold", "left": "dim"}


@app.command(epilog='Example: negprompt plan "a cat on a beach" --policy quality-floor')
def plan(
    prompt: options.PromptText,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    model: options.ModelName = "pocket",
    family: FamilyName = None,
    cfg: options.Scale = None,
    dialect: options.Dialect = "a1111",
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    as_json: texts.AsJson = False,
) -> None:
    """Show which terms would act, who put each there and why, and which are left out."""
    from negprompt.policy.overview import overview

    asked = options.request(
        prompt, negative=negative, weights=negative_weight, model=model, cfg=cfg, dialect=dialect,
        policies=policy, policy_folders=policy_folder,
    )  # fmt: skip
    kind = family_of(model, family)
    planned = asked.planned(kind)
    rows = overview(
        planned, asked.policies, asked.negative, family=kind, model=model,
        today=date.today(),  # noqa: DTZ011 - the user's own day
    )  # fmt: skip
    if as_json:
        answer = {
            "prompt": planned.wanted,
            "raw_negative": None if asked.negative is None else planned.raw_negative,
            "effective_negative": planned.effective_negative,
            "family": kind,
            "policies": list(planned.layers),
            "terms": [asdict(row) for row in rows],
            "notices": [asdict(notice) for notice in planned.notices],
        }
        print(json.dumps(answer))
        return
    notices(planned.notices)
    if rows:
        _shown(rows)
    else:
        say("no term steers away from anything")
    say(f"effective negative: {in_a_line(planned.effective_negative, 4000) or '(none)'}")


def _shown(rows: "Sequence[Row]") -> None:
    """The table; in a terminal what is enforced stands out, and what is left out is dim."""
    from negprompt.policy.overview import WORDS

    cells = [
        (
            in_a_line(row.term), f"{row.weight:.6g}", row.layer, in_a_line(row.reason),
            WORDS[row.status],
        )
        for row in rows
    ]  # fmt: skip
    left = COLOURS["left"]
    styles = [COLOURS.get(row.mode or row.layer, "") if row.acts else left for row in rows]
    table(HEADINGS, cells, as_data=True, styles=styles)
