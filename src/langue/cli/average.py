"""`langue average`: one model of a run's last checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path


def average(run: Path, /, *, last: int = 5, out: Path) -> None:
    """Average the weights of a run's last checkpoints, and leave a folder that every other verb takes.

    The training must have kept as many: --training.keep 5.

    Args:
        run: A run folder.
        last: How many checkpoints.
        out: The folder to make: the run's recipe and tokenizer, and the averaged model.
    """
    import torch

    from langue.experiment.run import RunFolder
    from langue.hub import new_folder
    from langue.models import build, save_model
    from langue.tasks.bases import load_weights
    from langue.training.average import last_checkpoints, mean_weights

    folder = RunFolder(run)
    recipe = folder.recipe()
    places = last_checkpoints(folder.checkpoints, last)
    weights = mean_weights(places)
    # Checkpoints of adapters hold no more than these; the model beside them knows its base.
    model = build(recipe.architecture()) if recipe.adapt is None else load_weights(folder.model)
    named = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            named[name].copy_(weight)
    with new_folder(out) as stage:
        # The notes beside the best model's configuration, such as labels, belong to the average as well.
        if folder.model.is_dir():
            shutil.copytree(folder.model, stage / "model")
        save_model(model, stage / "model")
        for name in ("recipe.yaml", "environment.json", "tokenizer.json", "special_tokens_map.json"):
            if (run / name).is_file():
                shutil.copyfile(run / name, stage / name)
    print(f"{out}: the mean of {', '.join(place.name for place in places)}")
