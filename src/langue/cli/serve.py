"""`langue serve`: put models behind OpenAI's routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from langue.cli.options import AtLeastOne, Device, Flag, Several, Weights, chosen
from langue.cli.status import OK
from langue.extra import need
from langue.serve.settings import ServeSettings

PURPOSE = "langue serve"

SEARCH = "/v1/search"


@Parameter(name="*", negative="")
class ServeOptions(ServeSettings):
    """Address and limits of a server."""

    cors: Annotated[Several, Parameter(negative="")] = ()
    """An origin whose pages may call the server from a browser, such as https://example.org; may be given several
    times."""


def serve(
    *runs: AtLeastOne,
    adapter: Several = (),
    index: Several = (),
    draft: Several = (),
    key_file: Path | None = None,
    no_key: Flag = False,
    settings: ServeOptions = ServeOptions(),  # noqa: B008 - it is frozen
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Answer requests of OpenAI's clients: completions, and more by what the models are for.

    Ends after SIGTERM or Ctrl-C, when all requests under way are answered.

    Args:
        runs: Run folders, checkpoints, models' folders (Hugging Face's too), GGUF files, hf:OWNER/NAME or
            package:NAME. A model is called as its folder, or NAME of NAME=RUN.
        adapter: NAME=DIR, adapters of the model that requests then call MODEL:NAME; of several models, MODEL:NAME=DIR.
            May be given several times, and each time loads the base once more.
        index: NAME=DIR or DIR, an index to be searched at /v1/search; may be given several times.
        draft: MODEL=DIR, a small model with the same tokenizer, which proposes the tokens that --speculate asks for.
        key_file: A file of keys, one a line, of which each request has to show one; another may stand in the
            environment's LANGUE_API_KEY.
        no_key: Let everybody use the server, also from other machines.
        settings: Address and limits.
        as_json: Print one JSON object a line for the start, each request and each fault.
    """
    for module in ("starlette", "uvicorn", "python_multipart"):
        need(module, "serve", PURPOSE)
    from langue.serve.address import bind, check_open, read_keys, url_of
    from langue.serve.counts import Counts
    from langue.serve.loading import load_indices, load_models
    from langue.serve.log import ServerLog
    from langue.serve.run import run
    from langue.serve.service import Keys, Service
    from langue.serve.worker import Worker

    limits = ServeSettings(**chosen(settings))
    keys = read_keys(key_file)
    check_open(limits.host, keys, no_key)
    log, worker = ServerLog(as_json), Worker(limits.queue, Counts())
    with bind(limits) as listener:
        models = load_models(runs, adapter, worker, limits, device, weights, draft)
        indices = load_indices(index, models, worker, device)
        private = not keys and not no_key
        service = Service(models, worker, limits, Keys(keys), indices, private)
        url = url_of(listener)
        routes = {**{model.name: list(model.routes) for model in models}, **{name: [SEARCH] for name in indices}}
        log.say("ready", _words(url, routes, bool(keys)), address=url, routes=routes)
        run(service, log, listener)
    log.say("ended", "langue: ended")
    return OK


def _words(url: str, routes: Mapping[str, Sequence[str]], has_keys: bool) -> str:
    width = max(map(len, routes))
    lines = [f"  {name:<{width}}  {' '.join(paths)}" for name, paths in routes.items()]
    return "\n".join([f"langue: {url}/v1, {'with keys' if has_keys else 'without keys'}", *lines])
