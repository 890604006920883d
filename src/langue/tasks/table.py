"""The tasks, by name. A task is a folder of this name beside, with `settings`, `predict` and `training`."""

TASKS = (
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
