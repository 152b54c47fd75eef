"""``python -m negprompt.world.train STAGE``: one resumable command per stage.

data → autoencoder → latents → text → unet → echoes → judges → clip → pocket; ``restore`` puts
shipped weights back to train on from them: restore → data → latents → unet …
"""

import argparse

from negprompt.world.train.data import cache, render_shards
from negprompt.world.train.loop import Run
from negprompt.world.train.together import first, rank

STAGES = (
    "data", "autoencoder", "latents", "text", "unet", "echoes", "judges", "clip", "pocket",
    "restore",
)  # fmt: skip


def main() -> None:
    """Run one stage; a stage that was interrupted goes on where it stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m negprompt.world.train",
        description=__doc__,
        epilog="example: python -m negprompt.world.train unet --minutes 60",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="training time in all, earlier runs counted in"
    )
    parser.add_argument(
        "--count", type=int, default=50_000, help="pictures to render, encode or paint"
    )
    parser.add_argument("--batch", type=int, default=None, help="images a step")
    parser.add_argument("--rate", type=float, default=None, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--anew", action="store_true", help="drop an earlier checkpoint of the stage"
    )
    args = parser.parse_args()
    stage(args)


def stage(args: argparse.Namespace) -> None:
    """Import what the stage needs and run it."""
    if args.stage == "data":
        render_shards(args.count)
    elif args.stage == "latents":
        from negprompt.world.train import latents

        latents.encode(args.count)
    elif args.stage == "echoes":
        from negprompt.world.train import echoes

        echoes.paint(args.count)
    elif args.stage in ("pocket", "restore"):
        from negprompt.world.train import pocket

        (pocket.restore if args.stage == "restore" else pocket.assemble)()
    else:
        fit(args)


def fit(args: argparse.Namespace) -> None:
    """Run a stage that trains."""

    def run(name: str, rate: float, batch: int, decay: float = 0.999) -> Run:
        return Run(
            stage=name,
            minutes=args.minutes,
            rate=args.rate or rate,
            decay=decay,
            batch=args.batch or batch,
            seed=args.seed + 1000 * rank(),
            anew=args.anew,
        )

    if args.stage == "autoencoder":
        from negprompt.world.train import autoencoder

        model = autoencoder.fit(run("autoencoder", 1.5e-3, 24))
        first(lambda: model.save_pretrained(cache() / "vae"))
    elif args.stage == "text":
        from negprompt.world.train import text

        text.fit(run("pair", 1e-3, 128))
    elif args.stage == "unet":
        from negprompt.world.train import unet

        unet.fit(run("unet", 1e-3, 32))
    elif args.stage == "judges":
        from negprompt.world.train import judges

        for name, rate in (("first", 3e-3), ("second", 2e-3)):
            judges.fit(run(f"judge-{name}", rate, 48, 0.998))
    else:
        from negprompt.world.train import clip

        clip.fit(run("clip", 1e-3, 128, 0.995))


if __name__ == "__main__":
    main()
