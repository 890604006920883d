"""The tasks, by name. A task is a folder of this name beside, with `settings`, `predict` and `training`; one of
`LESSONS` has no `predict`, since its models are used for another."""

USES = (
    "generate",
    "fill",
    "classify",
    "answer",
    "tag",
    "translate",
    "summarize",
    "transcribe",
    "denoise",
    "embed",
)

LESSONS = ("chat", "prefer", "play")
"""Ways to teach a model that writes: conversations, preferences, rewards."""

TASKS = (*USES, *LESSONS)
