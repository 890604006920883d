"""Environments of Gymnasium in which a policy writes: its observations are texts, and so are its actions.

To import this package registers `Langue/Write-v0`, `Langue/Translate-v0`, `Langue/Transcribe-v0` and
`Langue/Tokens-v0`; `gymnasium.make("langue.environments:Langue/Write-v0", …)` imports it by itself. `make` finds these
and other people's environments by name, `play` plays episodes with a policy.
"""

from langue.extra import need

need("gymnasium", "rl", "an environment")

from langue.environments.environment import Outcome, Scene, TextEnvironment  # noqa: E402
from langue.environments.names import make, register_all  # noqa: E402
from langue.environments.rollout import Episode, Turn, play  # noqa: E402
from langue.environments.vector import make_vector  # noqa: E402
from langue.policies import Policy, Reply, policy_of  # noqa: E402

__all__ = [
    "Episode",
    "Outcome",
    "Policy",
    "Reply",
    "Scene",
    "TextEnvironment",
    "Turn",
    "make",
    "make_vector",
    "play",
    "policy_of",
]

register_all()
