"""``negprompt words``: the words that the pocket model learned."""

from negprompt.cli.shell import app
from negprompt.cli.terminal import say


@app.command(epilog="Example: negprompt words | grep blur")
def words() -> None:
    """List the words that the pocket model knows.

    One a line. Any other word gives the notice `term-unknown`.
    """
    from negprompt.world.captions import vocabulary

    known = sorted(vocabulary())
    for word in known:
        print(word)
    say(f"{len(known)} words; every caption that the pocket model was trained on is made of them")
