"""The first value of every parameter, a function of its role.

| parameter                                              | first value                                               |
|--------------------------------------------------------|-----------------------------------------------------------|
| embedding, segments, learned positions, a classifier's output | normal, deviation `initializer_range` or 0.02      |
| relative positions' bias                               | zero                                                      |
| queries whose scores are not scaled                    | as a matrix, ÷ √(head width), as T5 does                  |
| Bahdanau's energy                                      | normal, deviation 1/√width                                |
| head of its own (not tied)                             | normal as a matrix; zero with `zero_output`               |
| norm weights                                           | one                                                       |
| all biases but the recurrent ones                      | zero                                                      |
| recurrent matrices and biases                          | uniform ± 1/√width, as torch does                         |
| an LSTM's forget gate                                  | input bias one (Jozefowicz et al. 2015, section 4)        |
| the last matrix of attention, feedforward, convolution | as a matrix, ÷ √(2·layers) (GPT-2); zero with `zero_output` |
| every other matrix, a convolution's included            | normal, deviation `initializer_range` or 1/√(inputs)     |

The layers declare it (`langue.nn.roles`). Each parameter draws from its own generator, keyed by the seed and its name,
so that its first value depends on nothing else: not on the order of construction, not on what other parameters there
are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from langue.models.config import ModelConfig
from langue.models.model import Model
from langue.nn.roles import Role, roles
from langue.randomness import torch_generator


@torch.no_grad()
def initialize(model: Model, seed: int, *, only_learning: bool = False) -> None:
    """Give every parameter of a model its first value, or those alone that learn."""
    # A seq2seq's sides have settings of their own.
    configs = {id(parameter): stack.config for stack in model.stacks for parameter in stack.parameters()}
    named = roles(model)
    for name, parameter in model.named_parameters():
        if only_learning and not parameter.requires_grad:
            continue
        config = configs.get(id(parameter), model.config)
        # A table is drawn by the name of what it is the table of: seeds give what they gave before it had one.
        draws = torch_generator(seed, "initialize", name.replace(".table.", "."))
        parameter.copy_(_first_value(named[name], parameter.shape, config, draws))


def _first_value(role: Role, shape: torch.Size, config: ModelConfig, draws: torch.Generator) -> Tensor:
    value, initial = torch.empty(shape), role.initial
    if config.zero_output and initial.ends is not None:
        return value.zero_()
    if initial.draw == "constant":
        return value.fill_(initial.size or 0.0)
    inputs = shape[1:].numel() if len(shape) > 1 else shape[-1]
    size = inputs**-0.5 if initial.size is None else initial.size
    if initial.draw == "uniform":
        value.uniform_(-size, size, generator=draws)
    else:
        value.normal_(std=config.initializer_range or size, generator=draws)
    for block, rows in enumerate(value.split(list(role.blocks)) if role.blocks else ()):
        if initial.factors:
            rows.mul_(initial.factors[block])
        constant = initial.constants[block] if initial.constants else None
        if constant is not None:
            rows.fill_(constant)
    return value / math.sqrt(2 * config.layer_count) if initial.ends == "sublayer" else value
