"""`langue inspect attention`: a picture of where a model looks while it reads a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.errors import LangueError

if TYPE_CHECKING:
    from langue.models import Model
    from langue.report.attention import Looks
    from langue.text import Tokenizer

ENDINGS = (".html", ".svg", ".png")


def attention(run: Path, text: str, /, *, out: Path = Path("attention.html"), source: str | None = None) -> None:
    """Draw a model's attention weights over a sentence, for each layer and head.

    Args:
        run: a run folder.
        text: what the model reads; a translator or summariser writes about it, and what it writes looks at it.
        out: the picture: .html to look around in, .svg or .png to put into a text.
        source: what an encoder–decoder's encoder reads; its decoder reads TEXT and looks at this.
    """
    from langue.report import missing_extra

    if out.suffix not in ENDINGS:
        raise LangueError(f"{out}: the picture's name must end in .html, .svg or .png")
    if note := missing_extra():
        raise LangueError(note)
    from langue.models import load_model
    from langue.report.attention import write_attention
    from langue.text import Tokenizer

    name = run.resolve().name
    task = _rewriter(run)
    if task is None:
        looks = look(load_model(run / "model"), Tokenizer.load(run), text, source, name=name)
    else:
        looks = look_at_source(task, text if source is None else source, None if source is None else text, name)
    write_attention(looks, out)
    print(f"{len(looks.layers)} layers of {looks.layers[0].shape[0]} heads, {len(looks.tokens)} tokens: {out}")


def _rewriter(run: Path) -> Any:
    """The task of a run that makes texts of texts; None of any other."""
    from langue.experiment.run import RunFolder
    from langue.tasks import load

    folder = RunFolder(run)
    if not folder.is_run() or folder.recipe().model.form != "seq2seq":
        return None
    return load(run)


def look_at_source(task: Any, source: str, target: str | None, name: str) -> Looks:
    """Let a translator or summariser write, or read what it is given to have written, and note how it looks."""
    from langue.report.attention import Looks

    tokens, read, maps = task.attention(source, target)
    return Looks(name, tokens, read, [heads.float().cpu().numpy() for heads in maps])


def look(model: Model, tokenizer: Tokenizer, text: str, source: str | None, name: str) -> Looks:
    """Let the model read, and write down who looked at whom.

    Raises:
        LangueError: the model has no attention, or the texts do not suit it.
    """
    import torch

    from langue.batch import Batch
    from langue.report.attention import Looks

    if (model.config.form == "seq2seq") != (source is not None):
        raise LangueError(_wants_source(name, source))
    ids = _ids(model, tokenizer, text)
    read = ids if source is None else _ids(model, tokenizer, source)
    model.eval()
    with torch.inference_mode():
        maps = model.attention(Batch(torch.tensor([ids]), source=None if source is None else torch.tensor([read])))
    if not maps:
        raise LangueError(f"{name} has no attention to draw: its positions exchange by {model.config.mixer} alone")
    return Looks(name, _names(tokenizer, ids), _names(tokenizer, read), [heads[0].float().numpy() for heads in maps])


def _ids(model: Model, tokenizer: Tokenizer, text: str) -> list[int]:
    ids = tokenizer.encode(text)
    limit = model.context_limit
    if not ids:
        raise LangueError("there is nothing to look at: the text has no tokens")
    if limit is not None and len(ids) > limit:
        raise LangueError(f"the text has {len(ids)} tokens, but the model looks at {limit} at most; shorten it")
    return ids


def _names(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    return [tokenizer.decode([number], skip_special=False) for number in ids]


def _wants_source(name: str, source: str | None) -> str:
    if source is None:
        return f"{name} is an encoder–decoder: give what its encoder reads with --source"
    return f"{name} reads one text alone: leave out --source"
