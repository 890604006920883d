"""`langue inspect attention`: a picture of where a model looks while it reads a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.cli.options import Adapter, Flag, Weights
from langue.errors import LangueError

if TYPE_CHECKING:
    from langue.models import Model
    from langue.report.attention import AttentionMaps
    from langue.tasks.folders import Bits
    from langue.text import Tokenizer

ENDINGS = (".html", ".svg", ".png")


def attention(
    run: Path,
    text: str,
    target: str | None = None,
    /,
    *,
    out: Path = Path("attention.html"),
    adapter: Adapter = None,
    weights: Weights = "widen",
    special: Flag = False,
) -> None:
    """Draw a model's attention weights over a sentence, for each layer and head; of a pair, their mean as well.

    Args:
        run: a run folder, a model's folder with its tokenizer (Hugging Face's too), hf:OWNER/NAME or package:NAME.
        text: what the model reads.
        target: of an encoder–decoder, what is written about the text and looks at it; without one, what a translator or
            summariser writes itself.
        out: the picture: .html to look around in, .svg or .png to put into a text.
        special: let the names of special tokens in the texts be these tokens, as they are to Transformers; otherwise
            they are text like any other.
    """
    from langue.report import missing_extra

    if out.suffix not in ENDINGS:
        raise LangueError(f"{out}: the picture's name must end in .html, .svg or .png")
    if note := missing_extra("matplotlib.figure", "matplotlib.image"):
        raise LangueError(note)
    from langue.hub import local
    from langue.remote import is_name
    from langue.report.attention import write_attention
    from langue.tasks.folders import read_model
    from langue.tasks.rewriting.predict import Rewrite

    name, run = run.name if is_name(run) else run.resolve().name, local(run)
    task = _task(run, adapter, weights)
    if isinstance(task, Rewrite):
        looks = look_at_source(task, text, target, name, special)
    else:
        loaded = read_model(run, adapter=adapter, weights=weights)[0] if task is None else task
        if loaded.tokenizer is None:
            raise LangueError(f"{run} holds no tokenizer; put its tokenizer.json there")
        reads, source = (text, None) if target is None else (target, text)
        looks = look(loaded.model, loaded.tokenizer.reading_specials(special), reads, source, name=name)
    write_attention(looks, out)
    print(f"{len(looks.layers)} layers of {looks.layers[0].shape[0]} heads, {len(looks.tokens)} tokens: {out}")


def _task(run: Path, adapter: Path | None, weights: Bits) -> Any:
    """The task of a run or of another library's folder; None of a model alone."""
    from langue.experiment.run import RunFolder
    from langue.hub import is_published
    from langue.tasks import load

    has_task = adapter is not None or RunFolder(run).is_run() or is_published(run)
    return load(run, adapter=adapter, weights=weights) if has_task else None


def look_at_source(task: Any, source: str, target: str | None, name: str, special: bool = False) -> AttentionMaps:
    """Let a translator or summariser write, or read what it is given to have written, and note how it looks."""
    from langue.report.attention import AttentionMaps

    tokens, read, maps = task.attention(source, target, special=special)
    return AttentionMaps(name, tokens, read, [heads.float().cpu().numpy() for heads in maps])


def look(model: Model, tokenizer: Tokenizer, text: str, source: str | None, name: str) -> AttentionMaps:
    """Let the model read, and write down who looked at whom.

    Raises:
        LangueError: the model has no attention, or the texts do not suit it.
    """
    import torch

    from langue.batch import Batch
    from langue.report.attention import AttentionMaps

    if (model.config.form == "seq2seq") != (source is not None):
        raise LangueError(_wants_source(name, source))
    ids = _ids(model, tokenizer, text)
    read = ids if source is None else _ids(model, tokenizer, source)
    model.cpu().eval()
    with torch.inference_mode():
        maps = model.attention(Batch(torch.tensor([ids]), source=None if source is None else torch.tensor([read])))
    if not maps:
        raise LangueError(
            f"{name} has no attention to draw: its positions exchange by {model.config.described_mixers} alone"
        )
    numbers = model.config.attention_layers if source is None else None
    layers = [heads[0].float().numpy() for heads in maps]
    return AttentionMaps(name, tokenizer.names(ids), tokenizer.names(read), layers, numbers)


def _ids(model: Model, tokenizer: Tokenizer, text: str) -> list[int]:
    ids = tokenizer.encode(text)
    limit = model.context_limit
    if not ids:
        raise LangueError("there is nothing to look at: the text has no tokens")
    if limit is not None and len(ids) > limit:
        raise LangueError(f"the text has {len(ids)} tokens, but the model looks at {limit} at most; shorten it")
    return ids


def _wants_source(name: str, source: str | None) -> str:
    if source is None:
        return f"{name} is an encoder–decoder: give what is written about the text as well, behind it"
    return f"{name} reads one text alone: leave out the second"
