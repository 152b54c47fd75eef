"""``negprompt demo``: one negative at work, as a picture and as a count."""

from pathlib import Path

from negprompt.cli import options
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say


@app.command(epilog="Example: negprompt demo --out out")
def demo(*, model: options.ModelName = "pocket", out: options.Out = Path("out")) -> None:
    """See a negative at work, in about a minute.

    Writes demo.png: the same seeds without and with a negative. Says how often what it names was
    in the pictures before and after.
    """
    from negprompt.engine import loaded, writable, written
    from negprompt.measure import verdict
    from negprompt.measure.demo import SHOWN
    from negprompt.measure.demo import demo as shown
    from negprompt.measure.sheet import png, sheet
    from negprompt.world.judge import load

    folder = writable(out)
    with progress("the same seeds without and with") as on_step:
        found = shown(loaded(model), load("first"), on_step)
    lines = verdict.sentences(found)
    path = written.write(folder / "demo.png", png(sheet(found, lines, most=SHOWN)))
    notices(found.notices)
    say(f"{found.request.prompt}; negative: {found.plan.effective_negative}")
    for line in lines:
        say(line)
    print(path)
