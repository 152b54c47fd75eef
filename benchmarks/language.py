"""How fast the readers of prompts are, how they grow, and whether anything breaks them.

``make bench-language``, or ``python benchmarks/language.py STYLES --random N --seed S``.  STYLES is
a folder of style files with negatives.  Three parts, each with its bar:

1. every negative of the folder, read in each dialect and by compel's own parser: ours is to be
   at least 50 times as fast, in compel's dialect as well;
2. time and peak memory from 1 KB to 1 MB of text in each dialect: hundred times the text is to
   take no more than 200 times either (of memory, a byte a character is nothing);
3. random prompts over all dialects, read, remarked on, printed and translated: no exception but
   the project's own.

Times are processor time of this process, so that what else runs matters little.  The exit status is
1 where a bar is missed.  compel is loaded from the one file that its parser is in; nothing else of
it is imported.
"""

import argparse
import csv
import json
import random
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final

from negprompt.errors import NegpromptError
from negprompt.language import (
    DIALECTS,
    WRITERS,
    Prompt,
    findings,
    parse,
    staged,
    to_text,
    translate,
)

FASTER: Final = 50  # times compel's parser
GROWTH: Final = 200  # times the time or memory of 10 KB that 1 MB may take
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)

DENSE: Final = {
    "a1111": "(a [b] (c:1.2), d\\(e\\)) BREAK [f:g:0.5] [h|i], ",
    "comfy": "(a (b:1.2) c\\(d\\), embedding:e ) ",
    "compel": '(a b+)1.2 "c d"- e.swap(f) ',
    "plain": "(a), [b], ",
    "sdnext": "(a [b] (c:1.2), d\\(e\\)) BREAK ",
    "midjourney": "a b::2 c, {d}:: ",
    "novelai": "{a [b]} 1.5::c:: ",
}
"""Text that is as full of a dialect's marks as it goes."""

FRAGMENTS: Final = (
    *"()[]{}<>\\\"':;,.|+-#_*/^~ \n\t\0é漢\u202e\u200b🙂",
    "(", ")", "[", "]", ":1.2)", ":1e3)", ":nan)", ":.5]", ":3]", ":-1)", ":1.2.3)", "1.5::", "::",
    "::2", "::-0.5", "++", "--", "+", "-", ")1.3", ")++", ".and(", ".blend(", ".swap(", ".attend(",
    "1,.5)", "s_start=.1", "no_normalize", "withLora(x,1)", "useLora(", "<lora:x:0.8>", "<lora:",
    "embedding:x", "embedding:", "BREAK", " BREAK ", "AND", " AND ", ":0.7", "--no ", "--ar 16:9",
    "— no", "http://x", "__hair__", "{a|b}", "{a,b}", "###", "\\(", "\\)", "\\\\", '\\"', "a",
    "cat", "blurry, ", "no hat", "without a hat", "worst quality", "16:9", "1", "0", "9" * 400,
    "inf",
)  # fmt: skip
"""What random prompts are put together from: marks of every dialect, and words."""

HALVES: Final = 0.01
"""Share of random prompts that hold half a character, which every dialect refuses."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the three parts; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the readers of prompts.")
    parser.add_argument("styles", type=Path, help="folder of JSON and CSV files with negatives")
    parser.add_argument("--random", type=int, default=20_000, metavar="N", help="random prompts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=int, choices=(1, 2, 3), help="only this one")
    asked = parser.parse_args(arguments)
    texts = negatives(asked.styles)
    if not texts:
        print(f"no negatives in {asked.styles}", file=sys.stderr)
        return 2
    parts: list[Callable[[], bool]] = [
        lambda: against_compel(texts),
        lambda: growth(", ".join(shuffled(texts, asked.seed))),
        lambda: random_prompts(asked.random, asked.seed),
    ]
    held = [part() for part in ([parts[asked.part - 1]] if asked.part else parts)]
    return 0 if all(held) else 1


# ------------------------------------------------------------------------------- 1: against compel


def negatives(folder: Path) -> list[str]:
    """Every negative of the style files in a folder and below it, once each, in order."""
    found: list[str] = []
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".json":
            found += _negatives_in(json.loads(file.read_text("utf-8-sig")))
        elif file.suffix == ".csv":
            rows = csv.DictReader(file.read_text("utf-8-sig").splitlines(keepends=True))
            found += [row["negative_prompt"] for row in rows if row["negative_prompt"]]
    return [text for text in dict.fromkeys(found) if text.strip()]


def _negatives_in(value: Any) -> Iterator[str]:
    """Yield the texts under a key with "negative", and what stands behind ### of a prompt."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and "negative" in key:
                yield inner
            elif isinstance(inner, str) and key == "prompt":
                yield from inner.split("###")[1:2]
            else:
                yield from _negatives_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _negatives_in(inner)


def against_compel(texts: Sequence[str]) -> bool:
    """Print how many times as fast as compel's own parser each dialect is."""
    print(f"1. {len(texts)} negatives, {sum(map(len, texts))} characters")
    try:
        theirs = compel_parser()
    except ImportError as error:
        print(f"   NOT MEASURED: compel is not there ({error})")
        return False
    failures: Counter[str] = Counter()

    def theirs_on(text: str) -> None:
        try:
            theirs.parse_conjunction(text)
        except Exception as error:  # noqa: BLE001 - it raises pyparsing's, Python's and its own
            failures[type(error).__name__] += 1

    slow = _seconds(lambda: _on_all(texts, theirs_on))
    print(f"   {'compel itself':14}{slow:10.3f} s   {dict(failures) or 'read them all'}")
    ratios = {}
    for dialect in DIALECTS:
        read = partial(parse, dialect=dialect)
        fast = min(_seconds(partial(_on_all, texts, read)) for _ in range(3))
        ratios[dialect] = slow / fast
        print(f"   {dialect:14}{fast:10.3f} s   {ratios[dialect]:7.0f} times as fast")
    held = min(ratios.values()) >= FASTER
    print(f"   at least {FASTER} times in every dialect: {'held' if held else 'MISSED'}")
    return held


def compel_parser() -> Any:
    """The parser of compel, from its own file alone. Raises ImportError where there is none."""
    found = find_spec("compel")
    if found is None or found.origin is None:
        raise ImportError("pip install --no-deps compel")
    spec = spec_from_file_location(
        "compel_prompt_parser", Path(found.origin).with_name("prompt_parser.py")
    )
    if spec is None or spec.loader is None:
        raise ImportError("compel has no prompt_parser.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.PromptParser()


def _on_all(texts: Iterable[str], read: Callable[[str], object]) -> None:
    for text in texts:
        read(text)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


# ---------------------------------------------------------------------------------------- 2: growth


def shuffled(texts: Sequence[str], seed: int) -> list[str]:
    """Texts in another order, so that a short piece of them all is like a long one."""
    return random.Random(seed).sample(texts, len(texts))


def growth(words: str) -> bool:
    """Print time and peak memory from the smallest size to the largest, in each dialect."""
    print(f"2. milliseconds and peak KB of {', '.join(f'{size:,}' for size in SIZES)} characters,")
    print("   and how many times those of 10,000 the last ones are")
    held = True
    for dialect in DIALECTS:
        for kind, text in (("negatives", words), ("marks", DENSE[dialect])):
            held &= _grown(f"{dialect}, {kind}", text, partial(parse, dialect=dialect))
    held &= _grown("a1111's stages", DENSE["a1111"], lambda t: staged(t, 20))
    print(f"   at most {GROWTH} times: {'held' if held else 'MISSED'}")
    return held


def _grown(name: str, unit: str, read: Callable[[str], object]) -> bool:
    texts = [(unit * (size // len(unit) + 1))[:size] for size in SIZES]
    try:
        times = [_fastest(partial(read, text)) for text in texts]
        peaks = [_peak(text, read) for text in texts]
    except NegpromptError as error:
        print(f"   {name:22}refused: {error}")
        return False
    slower, larger = times[-1] / max(times[1], 1e-6), peaks[-1] / max(peaks[1], SIZES[1])
    said = [f"{1000 * seconds:.2f}" for seconds in times] + [f"{p / 1000:.0f}" for p in peaks]
    line = "".join(f"{cell:>10}" for cell in said)
    print(f"   {name:22}{line}   time {slower:.0f}, memory {larger:.0f}", flush=True)
    return max(slower, larger) <= GROWTH


def _fastest(work: Callable[[], object]) -> float:
    """The least of three times, or of one that takes longer than a tenth of a second."""
    times = [_seconds(work)]
    while len(times) < 3 and times[0] < 0.1:
        times.append(_seconds(work))
    return min(times)


def _peak(text: str, read: Callable[[str], object]) -> int:
    """Bytes that Python took at most while it read a text."""
    tracemalloc.start()
    read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


# -------------------------------------------------------------------------------- 3: random prompts


def random_prompts(count: int, seed: int) -> bool:
    """Print how many random prompts are read or refused; stop at an exception not our own."""
    drawn = random.Random(seed)
    dialects, writers = list(DIALECTS), list(WRITERS)
    refused: Counter[str] = Counter()
    for number in range(count):
        text = "".join(drawn.choices(FRAGMENTS, k=drawn.randrange(24)))
        text += "\ud800" * (drawn.random() < HALVES)
        dialect, to = dialects[number % len(dialects)], drawn.choice(writers)
        try:
            _through(text, dialect, to)
        except NegpromptError as error:
            refused[error.code] += 1
        except Exception:  # noqa: BLE001 - this is what is looked for
            print(f"3. seed {seed}, prompt {number}, {dialect} to {to}: {text!r}")
            traceback.print_exc(file=sys.stdout)
            return False
    codes = ", ".join(f"{code} {n}" for code, n in refused.most_common())
    print(f"3. {count} random prompts over {len(dialects)} dialects, seed {seed}")
    print(f"   {count - refused.total()} read, {refused.total()} refused ({codes or 'none'})")
    print("   no exception but the project's own: held")
    return True


def _through(text: str, dialect: str, to: str) -> None:
    """Read, remark on, print, translate, and lay out over steps."""
    prompt: Prompt = parse(text, dialect)
    list(findings(prompt, side="negative" if len(text) % 2 else "positive"))
    if dialect in WRITERS:
        to_text(prompt)
    translate(prompt, to)
    if dialect == "a1111":
        staged(text, 3)


if __name__ == "__main__":
    raise SystemExit(main())
