"""A chat: a prompt, a picture, words, edits, the next picture of the same seed beside the last.

One line in, one Answer out.  Every line changes a value, the State; the history holds the state
after each line before a picture is made from it, so that a chat which is cut off anywhere goes on
where it was.  Knows no terminal.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PIL import Image

from negprompt.engine import Generation, Request, run, save, written
from negprompt.errors import Notice, OutputError, RequestError, shown
from negprompt.feedback import Draft, Edit, apply, critique, draft_of
from negprompt.feedback.checking import check, settled
from negprompt.feedback.ending import ended
from negprompt.history import looking, recording, sessions
from negprompt.history.exchange import Answer, Setup
from negprompt.history.opening import History
from negprompt.history.state import Edits, State, kept, recalled
from negprompt.measure.arms import SEEN_FROM
from negprompt.measure.probes import answers
from negprompt.measure.sheet import png
from negprompt.policy.layers import Layer
from negprompt.policy.overview import WORDS, overview
from negprompt.policy.plan import Plan

if TYPE_CHECKING:
    from negprompt.models.load import Model

T = TypeVar("T")

GAP: Final = 8
"""Pixels between two pictures beside each other."""
FREE: Final = frozenset({"undo", "protect"})
"""Edits that wait for no yes: they take nothing away."""
YES: Final = frozenset({"yes", "y", "ok", "okay", "all", "sure"})
NO: Final = frozenset({"no", "n", "none", "nope"})
COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/undo": "take back the last edits",
        "/why": "who put each term there, and why",
        "/keep": "keep this picture, which ends the chat; /keep THING: let no edit take it away",
        "/policy": "the policies; /policy NAME: one more; /policy -NAME: without it",
        "/seed": "the same with the next seed; /seed N: with that one",
        "/help": "these commands",
    }
)


@dataclass(slots=True)
class Conversation:
    """A chat that goes on."""

    setup: Setup
    state: State
    session: int | None = None
    """Its number in the history; None where it is not kept."""
    last: Image.Image | None = None
    """The newest picture,"""
    path: Path | None = None
    """where it was saved,"""
    request: Request | None = None
    """and what it was asked with."""
    _lost: list[Notice] = field(default_factory=list)
    """What of this line the history could not keep."""

    def open(self) -> Answer:
        """The first picture, or the one that was due where a chat was cut off."""
        words = "" if self.state.batches else self.state.request.prompt
        answer = Answer(words=words, before=self.plan, picture=self.path)
        if self.request is None or self.state.is_due:
            answer = self._pictured(answer, self.state.next(self.setup.model))
        return self._finished(answer)

    def say(self, line: str) -> Answer:
        """What comes of a line: words about the picture, a yes or no, or a command.

        Raises RequestError ``chat-command-unknown``, ``policy-stays`` and ``value-out-of-range``,
        and what requests, policies and the making of pictures raise.  The chat can go on after it.
        """
        words, before = " ".join(line.split()), self.plan
        name, _, rest = words.partition(" ")
        if name.startswith("/"):
            answer = self._commanded(Answer(words=words), name, rest)
        elif self.state.pending and (chosen := _chosen(words, self.state.pending)) is not None:
            answer = self._applied(Answer(words=words), chosen)
        elif words:
            answer = self._read(words, self._dropped())
        else:
            answer = Answer(words="")
        return self._finished(replace(answer, before=before))

    @property
    def plan(self) -> Plan | None:
        """What the newest picture was made by; None before the first."""
        if self.request is None:
            return None
        return self.request.planned(self.setup.model.family.name)

    def _dropped(self) -> tuple[Notice, ...]:
        """The notice ``edits-dropped`` for what waited for a yes and gets other words."""
        waited = ", ".join(shown(edit.term or edit.action) for edit in self.state.pending)
        said = f"nobody said yes to {waited}, so nothing comes of it"
        return (Notice("edits-dropped", said),) if waited else ()

    def _read(self, words: str, dropped: tuple[Notice, ...]) -> Answer:
        """Turn words into edits, which act, or wait for a yes."""
        setup = self.setup
        said = critique(
            words,
            self.state.draft(setup.model),
            image=self.last,
            probe=setup.probe,
            endpoint=setup.endpoint,
        )
        if any(notice.code == "endpoint-failed" for notice in said.notices):
            self.setup = replace(setup, endpoint=None)  # one notice a chat, not one a line
        answer = Answer(words=words, notices=(*dropped, *said.notices))
        if (why := ended(said)) is not None and not said.edits:
            self._turn(words, (), "content", replace(self.state, pending=()))
            return replace(answer, ended=why)
        if setup.apply == "ask" and any(edit.action not in FREE for edit in said.edits):
            self._turn(words, said.edits, "asked", replace(self.state, pending=said.edits))
            return answer
        return self._applied(answer, said.edits)

    def _applied(self, answer: Answer, edits: Sequence[Edit]) -> Answer:
        """Let edits act, but for terms that do nothing."""
        draft = self.state.draft(self.setup.model)
        done = apply(edits, draft)
        is_undo = any(edit.action == "undo" for edit in edits)
        if not is_undo and (useless := self._useless(done.draft, draft)):
            edits = (*edits, *useless)
            done = apply(edits, draft)
        answer = replace(answer, edits=done.changes, notices=(*answer.notices, *done.notices))
        if not done.changes:
            self._turn(answer.words, edits, "unchanged", replace(self.state, pending=()))
            return answer
        return self._moved(
            answer, self.state.applied(edits), edits, "undone" if is_undo else "applied"
        )

    def _moved(self, answer: Answer, state: State, edits: Sequence[Edit], decision: str) -> Answer:
        """Go to a state, and make its picture where that is another one."""
        model = self.setup.model
        following = state.next(model)  # one that is refused leaves everything as it was
        is_due = self.request is None or _drawn(following, model) != _drawn(self.request, model)
        self._turn(answer.words, edits, decision, replace(state, is_due=is_due))
        return self._pictured(answer, following) if is_due else answer

    def _pictured(self, answer: Answer, request: Request) -> Answer:
        """Make a picture, save it and it beside the last one, keep both, and look at it."""
        setup = self.setup
        made = run(request, model=setup.model, on_step=setup.on_step)
        (path,) = save(made, setup.out, metadata=setup.metadata)
        (image,) = made.images
        beside = None
        if self.last is not None:
            page = png(side_by_side(self.last, image))
            beside = written.write(written.following(setup.out, "beside"), page)
        self.last, self.path, self.request = image, path, request
        self.state = replace(self.state, is_due=False)
        seen = self._looked(image, self._recorded(made, path))
        left = None if seen is None else tuple(term for term, there in seen.items() if there)
        why = ended(
            None,
            left if setup.until_judge else None,
            complained=seen or (),
            rounds=len(self.state.batches),
            bound=setup.bound,
        )
        return replace(answer, picture=path, beside=beside, made=made, left=left, ended=why)

    def _useless(self, new: Draft, old: Draft) -> tuple[Edit, ...]:
        """Edits that take away the new terms of which pairs of pictures show no effect."""
        setup = self.setup
        if setup.probe is None or not setup.pairs:
            return ()
        known = {one.text for one in old.own}
        found = [
            check(
                one.text, new, self.state.request, setup.probe, model=setup.model, count=setup.pairs
            )
            for one in new.own
            if one.text not in known
        ]
        return settled([one for one in found if one is not None], new).changes

    def _recorded(self, made: Generation, path: Path) -> int | None:
        """Keep a run; its number."""
        return self._kept(
            lambda history, session: recording.record(
                history,
                made,
                (path,),
                command="chat",
                metadata=self.setup.metadata,
                session=session,
            )
        )

    def _looked(self, image: Image.Image, number: int | None) -> dict[str, bool] | None:
        """Whether the probe still finds each term of feedback that it knows; that is kept."""
        probe, own = self.setup.probe, self.state.draft(self.setup.model).own
        if probe is None or not own:
            return None
        said = [(one.text, answers(probe, [image], one.text)[0]) for one in own]
        read = [
            recording.Measurement(0, probe.name, term, p, p > SEEN_FROM)
            for term, p in said
            if p is not None
        ]
        if number is not None:
            self._kept(lambda history, _: recording.measured(history, number, read))
        return {one.term: bool(one.present) for one in read} or None

    def _finished(self, answer: Answer) -> Answer:
        """Add what holds after every line, and end the chat where it is over."""
        if answer.ended is not None:
            over = replace(self.state, ended=answer.ended)
            self._kept(
                lambda history, session: sessions.decide(
                    history, session, "ended", kept(history, over)
                )
            )
            self.state = over
        lost, self._lost = tuple(self._lost), []
        return replace(
            answer,
            after=self.plan,
            pending=self.state.pending,
            notices=(*answer.notices, *(answer.made.notices if answer.made else ()), *lost),
        )

    def _turn(self, words: str, edits: Sequence[Edit], decision: str, state: State) -> None:
        """Go to a state, and keep it with what led to it."""
        self.state = state
        self._kept(
            lambda history, session: sessions.turn(
                history,
                session,
                words,
                edits=list(map(asdict, edits)),
                decision=decision,
                state=kept(history, state),
            )
        )

    def _kept(self, act: Callable[[History, int], T]) -> T | None:
        """Keep something in the history; where that fails the chat goes on without it."""
        if self.setup.history is None or self.session is None:
            return None
        try:
            return act(self.setup.history, self.session)
        except OutputError as error:
            self._lost.append(_unkept(error))
            self.setup = replace(self.setup, history=None)
            return None

    def _commanded(self, answer: Answer, name: str, rest: str) -> Answer:
        """What comes of a command."""
        match name:
            case "/undo":
                return self._applied(answer, (Edit("undo", "", "you typed /undo"),))
            case "/why":
                return replace(answer, said=tuple(self._reasons()))
            case "/keep" if rest:
                return self._applied(answer, (Edit("protect", rest, f"you typed /keep {rest}"),))
            case "/keep":
                self._turn(answer.words, (), "kept", replace(self.state, pending=()))
                return replace(answer, ended=f"you keep {self.path}")
            case "/policy" if rest:
                layers = self._policies(rest)
                return self._changed(answer, "policy", policies=layers)
            case "/policy":
                labels = tuple(layer.label for layer in self.state.request.policies)
                return replace(answer, said=labels or ("no policy acts",))
            case "/seed":
                return self._changed(answer, "seed", seed=self._seed(rest))
            case "/help":
                return replace(answer, said=tuple(f"{c:9}{what}" for c, what in COMMANDS.items()))
        raise RequestError(
            f"there is no command {shown(name)}",
            code="chat-command-unknown",
            cure=f"one of: {', '.join(COMMANDS)}",
        )

    def _changed(self, answer: Answer, decision: str, **settings: Any) -> Answer:
        """Go on with another setting of the request that everything began with."""
        request = replace(self.state.request, **settings)
        return self._moved(answer, replace(self.state, request=request), (), decision)

    def _policies(self, said: str) -> tuple[Layer, ...]:
        """The layers with one more, or with one less. RequestError ``policy-stays``."""
        layers, name = self.state.request.policies, said.removeprefix("-")
        rest = tuple(layer for layer in layers if layer.name != name)
        more = () if said.startswith("-") else (self.setup.policy(name),)
        stays = any(one.is_enforced for one in layers if one not in (*rest, *more))
        if stays or (not more and rest == layers):
            raise RequestError(
                f"the policy {shown(name)} cannot be taken away here",
                code="policy-stays",
                cure="name one that acts and is not enforced; /policy lists them",
            )
        return (*rest, *more)

    def _seed(self, said: str) -> int:
        if not said:
            return self.state.request.seed + 1
        if not (said.isascii() and said.isdigit()):
            raise RequestError(
                f"the seed is {shown(said)}",
                code="value-out-of-range",
                cure="give a whole number from 0 on",
            )
        return int(said)

    def _reasons(self) -> Iterator[str]:
        """Say of each term who put it there and why, then what else was changed."""
        model, request = self.setup.model, self.state.next(self.setup.model)
        family = model.family.name
        for row in overview(
            request.planned(family), request.policies, request.negative,
            family=family, model=request.model,
        ):  # fmt: skip
            does = "" if row.acts else f" ({WORDS[row.status]})"
            yield f"{row.weight:.3g} {row.term}{does}: {row.layer.partition('#')[0]}, {row.reason}"
        draft = self.state.draft(model)
        for thing in draft.protected:
            yield f"kept: {thing}"
        if request.prompt != self.state.request.prompt:
            yield f"prompt: {request.prompt}"
        if draft.scale != draft_of(self.state.request, family=family, scale=model.cfg).scale:
            yield f"scale: {draft.scale:g}"


def begun(setup: Setup, request: Request) -> Conversation:
    """Begin a chat with a request of one picture; its first picture is made by ``open``."""
    state = State(replace(request, count=1), is_due=True)
    if setup.history is None:
        return Conversation(setup, state)
    try:
        number = sessions.begin(setup.history, request.prompt, kept(setup.history, state))
    except OutputError as error:
        return Conversation(replace(setup, history=None), state, _lost=[_unkept(error)])
    return Conversation(setup, state, number)


def resumed(setup: Setup, history: History, found: sessions.Session) -> Conversation:
    """Go on with a chat of the history; ``open`` makes the picture that was due, if one was.

    Raises OutputError ``session-unreadable``, ``history-unusable``.
    """
    state = recalled(history, found.state)
    newest = _newest(history, found)
    image = _read(newest)
    is_due = image is None or (state.is_due and not found.turns[-1].runs)
    chat = Conversation(setup, replace(state, is_due=is_due, ended=None), found.id, image)
    if newest is not None and image is not None:
        chat.path, chat.request = newest.path, state.next(setup.model)
    return chat


def _unkept(error: OutputError) -> Notice:
    said = f"from here on this chat is not kept and cannot be resumed: {error.message}"
    return Notice("history-unwritten", said)


def side_by_side(before: Image.Image, after: Image.Image) -> Image.Image:
    """Two pictures as one, the older to the left."""
    size = (before.width + GAP + after.width, max(before.height, after.height))
    page = Image.new("RGB", size, "white")
    page.paste(before, (0, 0))
    page.paste(after, (before.width + GAP, 0))
    return page


def _newest(history: History, found: sessions.Session) -> looking.Kept | None:
    """The newest picture of a chat; None where none was made."""
    numbers = [run for turn in found.turns for run in turn.runs]
    return looking.run(history, numbers[-1]).images[-1] if numbers else None


def _read(kept: looking.Kept | None) -> Image.Image | None:
    """A picture from its kept copy; None where that is not there any more."""
    if kept is None or kept.state != "whole":
        return None
    with Image.open(kept.file) as image:
        return image.convert("RGB")


def _chosen(words: str, pending: Edits) -> Edits | None:
    """The edits that a yes, a no or numbers choose; None for other words."""
    said = words.lower().replace(",", " ").rstrip(".!").split()
    if len(said) == 1 and said[0] in YES | NO:
        return pending if said[0] in YES else ()
    numbers = {int(one) for one in said if one.isascii() and one.isdigit()}
    if len(numbers) == len(said) > 0 and numbers <= {*range(1, len(pending) + 1)}:
        return tuple(pending[number - 1] for number in sorted(numbers))
    return None


def _drawn(request: Request, model: "Model") -> tuple[object, ...]:
    """What of a request a chat may change and a picture depends on."""
    standing = request.planned(model.family.name).standing
    terms = tuple((term.text, term.weight, term.dialect) for term in standing)
    return request.prompt, request.negative, request.cfg, request.seed, terms
