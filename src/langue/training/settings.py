"""Settings of a training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from langue.errors import LangueError
from langue.settings import Settings

ScheduleKind = Literal["cosine", "wsd", "linear", "inverse_sqrt", "constant"]
OptimizerKind = Literal["muon", "adamw"]
TrackerName = Literal["tensorboard", "trackio", "wandb", "mlflow"]
ParallelKind = Literal["replicated", "sharded", "tensor"]

BOUNDS = ("steps", "seconds", "tokens", "flops", "epochs")


class TrainingSettings(Settings):
    """The training loop: how long, how much at once, by which rule, and what is written down."""

    steps: int | None = Field(default=2000, ge=1)
    """Updates of the weights, at most; null for no bound."""
    seconds: float | None = Field(default=None, gt=0)
    """Wall time of the training with its evaluations, at most."""
    tokens: float | None = Field(default=None, gt=0)
    """Targets to be predicted, at most."""
    flops: float | None = Field(default=None, gt=0)
    """Floating-point operations of forward and backward passes, at most."""

    epochs: float | None = Field(default=None, gt=0)
    """Passes through the training data, at most; where given, steps are bounded only if they are given too."""

    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = 12
    """Rows of one forward pass, over all processes; auto takes as many as are of use and fit into memory, and the run's
    own recipe says how many those are."""
    batch_tokens: int | None = Field(default=None, ge=1)
    """Tokens of one forward pass; where given, batch_size is what fits into it."""
    accumulate: int = Field(default=1, ge=1)
    """Forward and backward passes of one step."""

    optimizer: OptimizerKind = "muon"
    """Muon for the matrices between embedding and head and AdamW for the rest, or AdamW for all."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Greatest learning rate; Muon's steps are scaled so that AdamW's rates suit it."""
    matrix_learning_rate: float | None = Field(default=None, gt=0)
    """Muon's own greatest learning rate; null takes learning_rate."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Shrinks matrices by this times the learning rate each step."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """AdamW's memory of gradients."""
    beta2: float = Field(default=0.95, ge=0, lt=1)
    """AdamW's memory of squared gradients."""
    epsilon: float = Field(default=1e-8, gt=0)
    """Added to AdamW's root of squared gradients."""
    momentum: float = Field(default=0.95, ge=0, lt=1)
    """Muon's memory of gradients."""
    muon_iterations: int = Field(default=5, ge=1)
    """Steps of Muon's orthogonalisation."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Each layer learns at this times the rate of the one above it; the head learns at the full rate."""
    freeze: Literal["embeddings", "encoder", "all-but-head", "all-but-bottlenecks"] | int | None = None
    """The part that keeps its weights: the embeddings, the embeddings and the first N layers, what reads or hears a
    source, everything but the heads, or everything but these and the adapters of `model.bottleneck`."""
    clip_norm: float = Field(default=1.0, ge=0)
    """Longer gradients are shortened to this; 0 leaves them."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of a target that is spread over all tokens, or over all classes."""
    average: float | None = Field(default=None, gt=0, lt=1)
    """Decay of a running average of the weights, which is then evaluated and kept, such as 0.999."""

    schedule: ScheduleKind = "cosine"
    """Course of the learning rate: wsd keeps it up and lets it fall in the last `decay_share` alone."""
    warmup_steps: int = Field(default=100, ge=0)
    """Steps in which the learning rate rises from 0."""
    warmup_share: float | None = Field(default=None, gt=0, lt=1)
    """Share of the training in which it rises; where given, warmup_steps has no say."""
    final_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the learning rate that is left in the end."""
    decay_share: float = Field(default=0.2, gt=0, le=1)
    """Last part of the training in which wsd's learning rate falls."""

    seed: int = 0
    """Seed of first weights, order, dropout and masks."""
    device: str = "auto"
    """cpu, cuda, mps, …; auto takes the fastest there is."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of matrix multiplications; auto takes bf16 on a GPU that knows it, and fp32 elsewhere."""
    parallel: ParallelKind = "replicated"
    """The part that each of several processes holds: a copy of the model; a share of every parameter (FSDP), for models
    that are too large for one device; or (tensor) a share of the heads and feedforward layers, while all of them work
    on the same rows, for models whose single rows are too much for one device."""
    recompute: bool = False
    """Keep the input of each layer alone, and work out the rest anew on the way back (Chen et al. 2016, "Training deep
    nets with sublinear memory cost"): a quarter to a half more time, and a fraction of the memory."""
    compile: bool = False
    """Let torch compile the forward and backward pass; needs a C++ compiler."""

    evaluate_every: int = Field(default=250, ge=1)
    """Steps between evaluations on the dev data."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many evaluations without a new best."""
    checkpoint_every: int = Field(default=500, ge=1)
    """Steps between checkpoints."""
    keep: int = Field(default=2, ge=1)
    """Checkpoints that are kept."""
    log_every: int = Field(default=10, ge=1)
    """Steps between lines of metrics.jsonl."""
    log_to: tuple[TrackerName, ...] = ()
    """Trackers of experiments that get the same numbers; none reaches the network unless its environment says so."""
    max_skipped: int = Field(default=10, ge=1)
    """Stop after so many steps in a row whose loss or gradient was not finite."""

    @model_validator(mode="before")
    @classmethod
    def _epochs_instead_of_steps(cls, fields: Any) -> Any:
        """The usual number of steps bounds nothing where epochs were asked for."""
        if isinstance(fields, dict) and fields.get("epochs") is not None:
            return {"steps": None, **fields}
        return fields

    @model_validator(mode="after")
    def _auto_or_tokens(self) -> TrainingSettings:
        if self.batch_size == "auto" and self.batch_tokens is not None:
            raise ValueError("batch_size auto and batch_tokens say the same in two ways; set batch_tokens to null")
        return self

    @property
    def rows(self) -> int:
        """`batch_size` as a number.

        Raises:
            LangueError: nobody has worked it out.
        """
        if self.batch_size == "auto":
            raise LangueError("training.batch_size: auto is for langue train and plan; name a number here")
        return self.batch_size

    @model_validator(mode="after")
    def _bounded(self) -> TrainingSettings:
        if all(getattr(self, name) is None for name in BOUNDS):
            raise ValueError(f"one of {', '.join(BOUNDS[:-1])} and {BOUNDS[-1]} must bound the training")
        return self
