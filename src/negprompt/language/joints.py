"""A compel tree → the prompts whose embeddings ``.and()`` and ``.blend()`` put together."""

from dataclasses import replace
from typing import Final, NamedTuple

from negprompt.errors import PromptError, Span
from negprompt.language.nodes import Begin, End, Kind, Node, Part, Text
from negprompt.language.tree import Prompt

MOST_LINES: Final = 64


class Line(NamedTuple):
    """One prompt without ``.and()`` and ``.blend()``, and its weight in a blend."""

    prompt: Prompt
    weight: float


class Joint(NamedTuple):
    """What ``.and()`` puts one behind the other: a line, or a blend of several."""

    lines: tuple[Line, ...]
    weight: float
    normalize: bool
    """Whether the weights of the lines are divided by their sum."""

    @classmethod
    def of(cls, prompt: Prompt) -> "Joint":
        """Return a prompt by itself."""
        return cls((Line(prompt, 1.0),), 1.0, normalize=True)


def joints(prompt: Prompt) -> tuple[Joint, ...]:
    """Return the joints of a compel prompt in order; one at least.

    One without words is left out. Of a ``.swap()`` the words before it stay. Raises PromptError
    ``parts-too-many`` for more lines than ``MOST_LINES``.
    """
    reader = _Reader(prompt)
    for node in prompt.nodes:
        reader.take(node)
    reader.end(1.0)
    lines = sum(len(joint.lines) for joint in reader.found)
    if lines > MOST_LINES:
        raise PromptError(
            f"the prompt joins {lines} texts, each of them at least one chunk",
            code="parts-too-many",
            cure=f"keep it to {MOST_LINES}",
            source=prompt.source,
            span=Span(0, len(prompt.source)),
        )
    return tuple(reader.found) or (Joint.of(prompt),)


class _Reader:
    """The joints found so far, the lines of the blend that is read, and the nodes of a line."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.found: list[Joint] = []
        self.lines: list[Line] = []
        self.nodes: list[Node] = []
        self.opened: list[Kind] = []
        self.normalize = True
        self.silent = False  # among the words that a swap puts in

    def take(self, node: Node) -> None:
        if isinstance(node, Begin):
            self.opened.append(node.kind)
        elif isinstance(node, Part):
            self._part(node)
        elif isinstance(node, End):
            if self.opened.pop() == "blend":
                self.normalize = not node.options
            self.silent = False
        elif not self.silent:
            self.nodes.append(node)

    def end(self, weight: float) -> None:
        """End a joint."""
        if any(isinstance(node, Text) for node in self.nodes):
            self._line(1.0)
        if self.lines:
            self.found.append(Joint(tuple(self.lines), weight, self.normalize))
        self.lines, self.nodes, self.normalize = [], [], True

    def _part(self, node: Part) -> None:
        if not self.opened:
            self.end(node.weight)
        elif self.opened[-1] == "blend":
            self._line(node.weight)
        else:
            self.silent = True

    def _line(self, weight: float) -> None:
        self.lines.append(Line(replace(self.prompt, nodes=tuple(self.nodes)), weight))
        self.nodes = []
