"""The tasks, by name. A task is a folder of this name beside, with `settings`, `predict` and `training`; one of
`POLICY_TASKS` has no `predict`, since its models are used for the task that they began from."""

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

POLICY_TASKS = ("prefer", "play")

TASKS = (*USES, *POLICY_TASKS)
