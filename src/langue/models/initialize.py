"""The first value of every parameter, as one table.

| parameter                                              | first value                                               |
|--------------------------------------------------------|-----------------------------------------------------------|
| embedding, segments, learned positions, a classifier's output | normal, deviation `initial_deviation` or 0.02      |
| relative positions' bias                               | zero                                                      |
| queries whose scores are not scaled                    | as a matrix, ÷ √(head width), as T5 does                  |
| Bahdanau's energy                                      | normal, deviation 1/√width                                |
| head of its own (not tied)                             | normal as a matrix; zero with `zero_output`               |
| norm weights                                           | one                                                       |
| all biases but the recurrent ones                      | zero                                                      |
| recurrent matrices and biases                          | uniform ± 1/√width, as torch does                         |
| an LSTM's forget gate                                  | input bias one (Jozefowicz et al. 2015, section 4)        |
| the last matrix of attention, feedforward, convolution | as a matrix, ÷ √(2·layers) (GPT-2); zero with `zero_output` |
| every other matrix, a convolution's included            | normal, deviation `initial_deviation` or 1/√(inputs)     |

Each parameter draws from its own generator, keyed by the seed and its name, so that its first value depends on nothing
else: not on the order of construction, not on what other parameters there are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from langue.models.config import ModelConfig
from langue.nn.embedding import Embedding, Head
from langue.nn.norm import LayerNorm, RMSNorm
from langue.nn.position import LearnedPosition, RelativePosition
from langue.randomness import torch_generator


@torch.no_grad()
def initialize(model: nn.Module, config: ModelConfig, seed: int) -> None:
    """Give every parameter of a model its first value."""
    encoder = config.encoder_config() if config.form == "seq2seq" else config
    done: set[int] = set()
    for place, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in done:
                draws = torch_generator(seed, "initialize", f"{place}.{name}")
                own = encoder if place.startswith("encoder.") else config
                parameter.copy_(_first_value(module, place, name, parameter, own, draws))
                done.add(id(parameter))


def _first_value(
    module: nn.Module, place: str, name: str, parameter: Tensor, config: ModelConfig, draws: torch.Generator
) -> Tensor:
    value = torch.empty(parameter.shape)
    if isinstance(module, nn.RNNBase):
        return _recurrent(module, name, value, draws)
    if name == "bias" or isinstance(module, RelativePosition):
        return value.zero_()
    if isinstance(module, LayerNorm | RMSNorm) or name in ("query_norm", "key_norm"):
        return value.fill_(1.0)
    # Of a block, where it adds to what came before.
    is_output = ".blocks." in place and place.endswith(".output")
    if config.zero_output and (is_output or isinstance(module, Head)):
        return value.zero_()
    # A classifier begins as good as undecided; from larger values it would first have to unlearn its own opinion.
    small = isinstance(module, Embedding | LearnedPosition) or place == "classifier.output"
    inputs = parameter.shape[1:].numel() if parameter.ndim > 1 else parameter.shape[-1]
    usual = 0.02 if small else inputs**-0.5
    value.normal_(std=config.initial_deviation or usual, generator=draws)
    if not config.score_scale and place.endswith((".query_key_value", ".cross.query")):
        value[: config.heads * config.resolved_head_width] *= config.resolved_head_width**-0.5
    return value / math.sqrt(2 * config.layer_count) if is_output else value


def _recurrent(cell: nn.RNNBase, name: str, value: Tensor, draws: torch.Generator) -> Tensor:
    width = cell.hidden_size
    value.uniform_(-(width**-0.5), width**-0.5, generator=draws)
    if isinstance(cell, nn.LSTM) and name.startswith("bias_ih"):
        value[width : 2 * width] = 1.0  # torch stacks an LSTM's gates as input, forget, cell, output
    return value
