"""PPO of stable-baselines3 on Langue/Tokens-v0: its policy learns to add, one token at a time.

python docs/ppo.py [STEPS]
"""

import sys
from functools import partial

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from langue.text import TokenizerSettings, train_tokenizer

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 20_480

sums = [{"prompt": f"{a}+{b}=", "answer": a + b} for a in range(5) for b in range(5)]
environment = partial(
    gymnasium.make,
    "langue.environments:Langue/Tokens-v0",
    environment={"name": "Langue/Write-v0", "prompts": sums, "verifier": "exact"},
    tokenizer=train_tokenizer(TokenizerSettings(kind="char"), ["0123456789+="]),
    context=6,
    max_tokens=3,
)
envs = make_vec_env(environment, n_envs=64, seed=0)
model = PPO("MlpPolicy", envs, n_steps=16, batch_size=256, learning_rate=1e-3, ent_coef=0.05, seed=0, device="cpu")
for _ in range(5):
    model.learn(STEPS, reset_num_timesteps=False)
    reward, _ = evaluate_policy(model, envs, n_eval_episodes=500)
    print(f"{model.num_timesteps:7,} steps   reward {reward:.3f}")
