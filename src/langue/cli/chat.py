"""`langue chat`: talk to a model in the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import json_line
from langue.cli.options import Adapter, Device, Json, Weights
from langue.cli.prompt import guarded, only_ctrl_c, typed_lines
from langue.cli.searching import ChatOptions
from langue.cli.status import OK
from langue.console import say
from langue.errors import LangueError, hint, reason
from langue.lazy import fetch_named

MOST_CALLS = 8
"""Times that an answer may call tools before it has to say something."""

GREETING = "Talk to the model. /help lists commands; Ctrl-C stops an answer, Ctrl-D ends."

COMMANDS = {
    "/help": "these commands",
    "/system TEXT": "another system prompt; begins anew",
    "/reset": "begin anew",
    "/undo": "take back the last turn",
    "/retry": "another answer to the last message",
    "/show": "the conversation so far",
    "/save FILE": "write it as a line of training data, {\"messages\": […]}",
    "/quit": "end, as Ctrl-D does",
}  # fmt: skip

Tools = Annotated[
    tuple[str, ...],
    Parameter(negative="", help="A function that the model may call, module:name; may be given several times."),
]


class Dialogue:
    """A conversation with a model.

    Args:
        task: the model.
        system: what it is told first.
        tools: functions that it may call, by name.
        options: of the search.
        as_json: print messages as JSON in place of their text.
    """

    def __init__(
        self, task: Any, system: str, tools: Mapping[str, Callable[..., Any]], options: dict[str, Any], as_json: bool
    ):
        from langue.engine import Engine, EngineSettings

        # Which has read the conversation so far, and reads of the next turn what is new.
        engine = Engine(task.model, EngineSettings(prefix_tokens=2 * task.model.config.context))
        self.options: dict[str, Any] = {**options, "engine": engine}
        self.task, self.tools, self.as_json = task, tools, as_json
        self.begin(system)

    def begin(self, system: str) -> None:
        """Begin anew."""
        self.system = system
        self.messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        self._again = 0

    def say(self, text: str) -> None:
        """Put a message of the user's, and let the model answer; an answer that fails takes the message back."""
        self.messages.append({"role": "user", "content": text})
        try:
            self._answer()
        except LangueError:
            self.undo()
            raise

    def undo(self) -> str | None:
        """Take back the last message of the user's and all behind it; the message, or None where there is none."""
        places = [place for place, message in enumerate(self.messages) if message["role"] == "user"]
        if not places:
            return None
        text = self.messages[places[-1]]["content"]
        del self.messages[places[-1] :]
        return text

    def retry(self) -> None:
        """Let the model answer the last message once more, by other draws."""
        text = self.undo()
        if text is None:
            raise LangueError("there is no message yet to answer once more")
        self._again += 1
        self.say(text)

    def _answer(self) -> None:
        for _ in range(MOST_CALLS):
            message = self._message()
            self.messages.append(message)
            if self.as_json:
                print(json_line(message), flush=True)
            if not message.get("tool_calls"):
                return
            for call in message["tool_calls"]:
                self.messages.append(self._called(call["function"]))
        raise LangueError(f"the model has called tools {MOST_CALLS} times without an answer")

    def _message(self) -> dict[str, Any]:
        options = {**self.options, "seed": self.options.get("seed", 0) + self._again}
        if self.tools or self.as_json:
            message = self.task.chat(self.messages, tools=list(self.tools.values()), **options)
            if not self.as_json:
                print(message["content"], flush=True)
            return message
        return {"role": "assistant", "content": _shown(self.task.chat(self.messages, stream=True, **options))}

    def _called(self, function: Mapping[str, Any]) -> dict[str, Any]:
        """The message with what a tool gives, or why it fails, which the model is to read."""
        name, arguments = function["name"], function["arguments"]
        say(f"[calls {name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})]")
        try:
            if name not in self.tools:
                raise LangueError(f"there is no tool {name}; {hint(name, list(self.tools))}")
            content = _text(self.tools[name](**arguments))
        except Exception as error:  # whatever a tool stumbles over is for the model to mend
            content = f"error: {reason(error)}"
        message = {"role": "tool", "name": name, "content": content}
        if self.as_json:
            print(json_line(message), flush=True)
        return message


def chat(
    run: Path,
    /,
    *messages: str,
    system: str = "",
    tools: Tools = (),
    options: ChatOptions = ChatOptions(),  # noqa: B008 - it is frozen
    adapter: Adapter = None,
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Talk to a model. /help lists commands; Ctrl-C stops an answer, Ctrl-D ends.

    Args:
        run: A run folder of a decoder, a checkpoint, a model's folder with its tokenizer, hf:OWNER/NAME or
            package:NAME.
        messages: Messages to answer one after the other in place of what is typed.
        system: What the model is told before the conversation.
        options: How to draw, and the form of answers.
        as_json: Print each message of the model, and of tools, as one JSON object.
    """
    from langue.tasks import load

    functions = {name.partition(":")[2]: fetch_named(name, "a tool") for name in tools}
    task = load(run, device, task="generate", adapter=adapter, weights=weights)
    dialogue = Dialogue(task, system, functions, options.of_answers(), as_json)
    for text in messages or typed_lines(GREETING):
        if not (text.startswith("/") and not messages):
            guarded(lambda text=text: dialogue.say(text), strict=bool(messages))
        elif text.split()[0] in ("/quit", "/exit"):
            break
        else:
            guarded(lambda text=text: _command(dialogue, text))
    return OK


def _command(dialogue: Dialogue, text: str) -> None:
    name, _, rest = text.partition(" ")
    if name == "/help":
        say("\n".join(f"{command:<14} {what}" for command, what in COMMANDS.items()))
    elif name == "/system":
        dialogue.begin(rest.strip())
    elif name == "/reset":
        dialogue.begin(dialogue.system)
    elif name == "/undo":
        say("nothing to take back" if dialogue.undo() is None else "taken back")
    elif name == "/retry":
        dialogue.retry()
    elif name == "/show":
        say("\n".join(f"{message['role']}: {message['content']}" for message in dialogue.messages))
    elif name == "/save":
        _save(dialogue, Path(rest.strip()) if rest.strip() else None)
    else:
        raise LangueError(f"there is no command {name}; {hint(name, [command.split()[0] for command in COMMANDS])}")


def _save(dialogue: Dialogue, file: Path | None) -> None:
    if file is None:
        raise LangueError("/save takes a file: /save talk.jsonl")
    try:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"messages": dialogue.messages}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise LangueError(f"{file} cannot be written: {reason(error)}") from None
    say(f"appended to {file}")


def _shown(pieces: Iterator[str]) -> str:
    """The text of pieces, each shown as it comes; of an answer that Ctrl-C stops, what there was."""
    shown = ""
    try:
        for piece in pieces:
            shown += piece
            sys.stdout.write(piece)
            sys.stdout.flush()
    except KeyboardInterrupt as error:
        only_ctrl_c(error)
        say("\n(stopped)")
    print()
    return shown


def _text(value: Any) -> str:
    """A tool's result as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
