"""REINFORCE (Williams 1992) in the manner of CleanRL: a policy of numbers learns to add, one token at a time.

python docs/reinforce.py [UPDATES]
"""

import sys

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from langue.text import TokenizerSettings, train_tokenizer

UPDATES = int(sys.argv[1]) if len(sys.argv) > 1 else 400
ENVIRONMENTS, MAX_TOKENS, CONTEXT, WIDTH = 128, 3, 6, 128

sums = [{"prompt": f"{a}+{b}=", "answer": a + b} for a in range(5) for b in range(5)]
tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["0123456789+="])
envs = gymnasium.make_vec(
    "langue.environments:Langue/Tokens-v0",
    num_envs=ENVIRONMENTS,
    environment={"name": "Langue/Write-v0", "prompts": sums, "verifier": "exact"},
    tokenizer=tokenizer,
    context=CONTEXT,
    max_tokens=MAX_TOKENS,
)

torch.manual_seed(0)
tokens = int(envs.single_action_space.n)
policy = nn.Sequential(
    nn.Embedding(tokens + 1, WIDTH),
    nn.Flatten(),
    nn.Linear(CONTEXT * WIDTH, WIDTH),
    nn.GELU(),
    nn.Linear(WIDTH, tokens),
)
optimizer = torch.optim.AdamW(policy.parameters(), lr=2e-3)

for update in range(1, UPDATES + 1):
    observations, _ = envs.reset(seed=0 if update == 1 else None)  # the next episodes of one seed
    going = np.ones(ENVIRONMENTS, bool)
    reward, terms = np.zeros(ENVIRONMENTS), []
    for _ in range(MAX_TOKENS):
        choice = Categorical(logits=policy(torch.from_numpy(observations)))
        actions = choice.sample()
        terms.append((choice.log_prob(actions), choice.entropy(), torch.from_numpy(going.copy())))
        observations, rewards, ended, truncated, _ = envs.step(actions.numpy())
        reward += rewards * going
        going &= ~(ended | truncated)  # what follows belongs to the episode behind
    advantage = torch.from_numpy(reward - reward.mean()).float()
    loss, bonus = torch.zeros(()), 0.1 * (1 - update / UPDATES)
    for log_probability, entropy, counts in terms:
        loss = loss - ((advantage * log_probability + bonus * entropy) * counts).sum() / ENVIRONMENTS
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update in (1, UPDATES) or update % 100 == 0:
        print(f"update {update:5}   reward {reward.mean():.3f}")
