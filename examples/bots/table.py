"""Paired seeds without and with a bot → a table: what it shall prevent, whether the subject stays.

All counting is ``negprompt.measure``'s and ``negprompt.feedback.trial``'s; what the judges read is
kept in the user's cache, so a table that was cut off goes on where it was.
"""

from examples.bots.bot import Bot

from negprompt.engine import loaded
from negprompt.feedback import tally, trial
from negprompt.measure.arms import Bench, Setting
from negprompt.measure.compare import concept_of
from negprompt.measure.counted import HEAD, SUBJECT, Arms, markdown, row
from negprompt.measure.memory import memory
from negprompt.measure.page import number, shown
from negprompt.measure.standing import text_under
from negprompt.policy import Layer
from negprompt.policy.files import load as policies
from negprompt.world.judge import load as judge_named


def bench() -> Bench:
    """The pocket model and both judges."""
    model = loaded("pocket")
    judges = {"first": judge_named("first"), "second": judge_named("second")}
    return Bench(model, judges, memory(model.pipe, judges))


def table(bench: Bench, one: Bot, setting: Setting) -> str:
    """A bot's table in Markdown; of one without a policy, sessions with a complaint each."""
    if one.policy is None:
        return _sessions(bench, setting)
    layer = policies((one.policy,), (one.folder / "policies",))[0]
    requests = (setting.request(prompt, None, setting.seed, 1) for prompt in one.prompts)
    (negative,) = {text_under(layer, request) for request in requests}
    arms = [
        Arms(prompt, bench.arm(prompt, None, setting), bench.arm(prompt, negative, setting))
        for prompt in one.prompts
    ]
    rows = [row(what, names, judge, arms) for judge in bench.judges
            for what, names in _things(layer).items()]  # fmt: skip
    return (
        f"Seeds {setting.seed} to {setting.seed + setting.n - 1} of each prompt "
        f"({'; '.join(one.prompts)}), without and with `{layer.name}` (`{negative}`). Rates are "
        "means over the prompts, with 95 % intervals; p is McNemar's.\n\n"
        f"{markdown(HEAD, [found.cells() for found in rows])}\n"
        "?: judge and eye agree too seldom on it ([world.md](../../../docs/world.md)).\n"
    )


def _things(layer: Layer) -> dict[str, tuple[str, ...]]:
    """What each term names, any of them, and the subject."""
    terms = {t.text: (name,) for t in layer.terms if (name := concept_of(t.text)) is not None}
    every = tuple(name for names in terms.values() for name in names)
    return {**terms, "any of these": every, "the subject": SUBJECT}


def _sessions(bench: Bench, setting: Setting) -> str:
    """What became of one complaint a round, beside the same picture and new seeds."""
    found = tuple(trial.sessions(bench, "first", setting, setting.n))
    head = ["", "judge", "flaw gone", "subject kept", "others kept", "terms added", "n"]
    rows = []
    for judge in bench.judges:
        for way, words in tally.WAYS.items():
            r = tally.rates(found, way, judge)
            rates = [shown(r.gone), shown(r.subject), number(r.kept), f"{r.terms:.1f}", str(r.n)]
            rows.append([words, judge, *rates])
    flaws = ", ".join(dict.fromkeys(session.flaw for session in found))
    return (
        f"The first {setting.n} pictures, in order of seeds, in which the first judge sees exactly "
        f"one flaw, and one plain complaint about each, for at most {trial.ROUNDS} rounds. Flaws: "
        f"{flaws}. Rates have 95 % intervals.\n\n{markdown(head, rows)}"
    )
