"""Paired seeds without and with a bot → a table: what it shall prevent, whether the subject stays.

All counting is ``negprompt.measure``'s and ``negprompt.feedback.trial``'s; what the judges read is
kept in the user's cache, so a table that was cut off goes on where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from examples.bots.bot import Bot

from negprompt.engine import loaded
from negprompt.feedback import tally, trial
from negprompt.measure.arms import Bench, Setting, seen
from negprompt.measure.compare import concept_of
from negprompt.measure.memory import Readings, memory
from negprompt.measure.page import number, shown
from negprompt.measure.standing import spelled_out
from negprompt.measure.statistics import Pairs, change, mcnemar, mean, pairs
from negprompt.measure.suite import UNMEASURABLE
from negprompt.policy import Layer
from negprompt.policy.files import load as policies
from negprompt.world.factors import CONCEPTS, SUBJECTS
from negprompt.world.judge import load as judge_named


@dataclass(frozen=True, slots=True)
class Row:
    """How often one judge saw one thing without and with the policy."""

    what: str
    judge: str
    by_prompt: tuple[Pairs, ...]

    def cells(self) -> list[str]:
        """As a line of the table; rates are means over the prompts."""
        each = self.by_prompt
        lost, gained = (sum(getattr(p, way) for p in each) for way in ("lost", "gained"))
        rates = [mean([p.without for p in each]), mean([p.steered for p in each])]
        changed = mean([change(p) for p in each])
        counts = [lost, gained, sum(p.n for p in each)]
        shares = [shown(one) for one in (*rates, changed)]
        return [self.what, self.judge, *shares, *map(str, counts), f"{mcnemar(lost, gained):.2g}"]


@dataclass(frozen=True, slots=True)
class Arms:
    """What the judges read in the pictures of one prompt, seed by seed."""

    negative: str
    without: Readings
    steered: Readings

    def pairs(self, judge: str, names: Sequence[str]) -> Pairs:
        """On how many seeds a judge sees any of these."""
        readings = (self.without[judge], self.steered[judge])
        return pairs(*(seen(reading, *names).tolist() for reading in readings))


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
    arms = {prompt: _arms(bench, layer, prompt, setting) for prompt in one.prompts}
    head = ["seen", "judge", "without", "with", "change", "gone", "new", "n", "p"]
    rows = [row.cells() for row in _rows(layer, arms)]
    (negative,) = {both.negative for both in arms.values()}
    return (
        f"Seeds {setting.seed} to {setting.seed + setting.n - 1} of each prompt "
        f"({'; '.join(arms)}), without and with `{layer.name}` (`{negative}`). Rates are means "
        f"over the prompts, with 95 % intervals; p is McNemar's.\n\n{_markdown(head, rows)}\n"
        "?: judge and eye agree too seldom on it ([world.md](../../../docs/world.md)).\n"
    )


def _arms(bench: Bench, layer: Layer, prompt: str, setting: Setting) -> Arms:
    """What the judges see of a prompt without a negative, and with all that the policy says."""
    request = replace(setting.request(prompt, None, setting.seed, 1), policies=(layer,))
    (negative,) = spelled_out(request).negative or ("",)
    return Arms(negative, bench.arm(prompt, None, setting), bench.arm(prompt, negative, setting))


def _rows(layer: Layer, arms: Mapping[str, Arms]) -> Iterator[Row]:
    """Yield a row for each term, for any of them, and for the subject, by each judge."""
    terms = {t.text: (name,) for t in layer.terms if (name := concept_of(t.text)) is not None}
    every = tuple(name for names in terms.values() for name in names)
    judges = next(iter(arms.values())).without
    for judge in judges:
        for what, names in {**terms, "any of these": every, "the subject": ()}.items():
            found = (both.pairs(judge, names or (_subject(p),)) for p, both in arms.items())
            yield Row(what + _mark(names), judge, tuple(found))


def _subject(prompt: str) -> str:
    return next(word for word in prompt.split() if word in SUBJECTS)


def _mark(names: Sequence[str]) -> str:
    """``?`` where the judges cannot be believed on one of these, or on a member of an umbrella."""
    members = {one for n in names if n in CONCEPTS for one in CONCEPTS[n].members}
    return "?" if UNMEASURABLE & {*names, *members} else ""


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
        f"{flaws}. Rates have 95 % intervals.\n\n{_markdown(head, rows)}"
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
