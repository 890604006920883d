"""`langue push`: a model and its card to Hugging Face's hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from langue.cli.options import Flag, Several


def push(
    run: Path,
    target: str,
    /,
    *,
    private: Flag = False,
    format_: Annotated[str, Parameter(name="--format")] = "hf",
    license_: Annotated[str | None, Parameter(name="--license")] = None,
    language: Several = (),
    dry_run: Flag = False,
) -> None:
    """Send a model and its card to Hugging Face's hub, from which `hf:OWNER/NAME` takes it.

    Only the model in its format, its tokenizer and the card go there, and none of the data, the recipe or the paths of
    this machine.

    Args:
        run: A run folder, or a model's folder with a README.md.
        target: hf:OWNER/NAME.
        private: Let nobody else see it.
        format_: A format of langue export: hf for Transformers; langue for models that it has no class for.
        license_: Licence of the model, such as apache-2.0; by default card.license of the recipe.
        language: Code of a language that it knows, such as en, once for each; by default card.language of the recipe.
        dry_run: Show the files and the card, and send nothing.
    """
    from langue.experiment.push import CARD, packed
    from langue.wording import size

    with packed(run, target, private=private, kind=format_, license=license_, language=language) as parcel:
        files = parcel.files
        print(f"{target}{' (private)' if private else ''}: {len(files)} files, {size(sum(files.values()))}")
        for name, length in files.items():
            print(f"  {name:<32} {size(length):>10}")
        if dry_run:
            print(f"\n{(parcel.folder / CARD).read_text(encoding='utf-8')}")
        else:
            print(parcel.send())
