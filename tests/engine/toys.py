"""Toy models of every mixer and form, and Transformers' generate on top of them."""

from __future__ import annotations

import itertools

import torch
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput, Seq2SeqLMOutput

from langue.batch import Batch
from langue.engine import Engine, GenerationSettings, Hypothesis, Request
from langue.models import ModelConfig, build

END = 3
MIXERS = {
    "attention": {},
    "relative": {"position": "relative"},
    "grouped": {"key_heads": 1},
    "window": {"mixer": "window", "window": 3, "position": "none"},
    "lstm": {"mixer": "lstm", "position": "none"},
    "gru": {"mixer": "gru", "position": "none"},
    "rnn": {"mixer": "rnn", "position": "none"},
}


def make(mixer="attention", vocab_size=5, context=16, form="decoder", seed=3, **more):
    config = ModelConfig(
        form=form, vocab_size=vocab_size, heads=2, context=context, initializer_range=0.7,
        **{"width": 16, "layers": 2, **MIXERS[mixer], **more},
    )  # fmt: skip
    return build(config, seed=seed).eval()


class Writer:
    """An engine of one model or several that writes columns of prompts by the same settings."""

    def __init__(self, model, settings: GenerationSettings, ends=END, suppress_tokens=()):
        self.engine, self.settings = Engine(model, settings), settings
        self.ends, self.suppress_tokens = [ends] if isinstance(ends, int) else ends, suppress_tokens

    def requests(self, prompts, sources=None, prefixes=None, phrases=None) -> list[Request]:
        return [
            Request(
                prompt, self.settings, self.ends, None if sources is None else sources[number],
                suppress_tokens=self.suppress_tokens,
                prefix=() if prefixes is None else prefixes[number],
                phrases=() if phrases is None else phrases[number],
            )
            for number, prompt in enumerate(prompts)
        ]  # fmt: skip

    def run(self, *columns, **more) -> list[list[Hypothesis]]:
        return self.engine.run(self.requests(*columns, **more))


def log_probabilities(model, prompt, text, source=None):
    """Of each token of a text, worked out by one full pass."""
    ids = torch.tensor([[*prompt, *text]])
    source = None if source is None else torch.tensor([source])
    with torch.inference_mode():
        logs = model(Batch(ids[:, :-1], source=source)).log_softmax(-1)[0, len(prompt) - 1 :]
    return logs.gather(1, ids[0, len(prompt) :, None])[:, 0].double()


def every_text(vocab_size, length):
    """All texts that end with END, or have the full length without it."""
    others = [token for token in range(vocab_size) if token != END]
    for size in range(length):
        for text in itertools.product(others, repeat=size):
            yield [*text, END]
    for text in itertools.product(others, repeat=length):
        yield list(text)


def without_end(text):
    return [token for token in text if token != END]


class ReferenceDecoder(PreTrainedModel, GenerationMixin):
    """Transformers' own search over Langue's logits, each worked out by a full pass."""

    config_class = PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, model):
        size = model.config.vocab_size
        super().__init__(
            PretrainedConfig(vocab_size=size, eos_token_id=END, pad_token_id=END, num_hidden_layers=2, use_cache=False)
        )
        self.inner = model

    def forward(self, input_ids, attention_mask=None, **kwargs):
        valid = None if attention_mask is None else attention_mask.bool()
        return CausalLMOutput(logits=self.inner(Batch(input_ids, valid=valid)))

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs):
        return {"input_ids": input_ids, "attention_mask": attention_mask}


class ReferenceSeq2Seq(PreTrainedModel, GenerationMixin):
    """The same for an encoder–decoder; the source travels where Transformers expects the encoder's output."""

    config_class = PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, model):
        super().__init__(
            PretrainedConfig(
                vocab_size=model.config.vocab_size, eos_token_id=END, pad_token_id=END, decoder_start_token_id=0,
                is_encoder_decoder=True, num_hidden_layers=2, use_cache=False,
            )
        )  # fmt: skip
        self.inner = model

    def get_encoder(self, *args, **kwargs):
        def encoder(input_ids, **ignored):
            return BaseModelOutput(last_hidden_state=input_ids[..., None].float())

        encoder.main_input_name = "input_ids"
        encoder.forward = encoder
        return encoder

    def forward(self, decoder_input_ids=None, encoder_outputs=None, attention_mask=None, **kwargs):
        source = encoder_outputs[0][..., 0].long()
        valid = None if attention_mask is None else attention_mask.bool()
        return Seq2SeqLMOutput(logits=self.inner(Batch(decoder_input_ids, source=source, source_valid=valid)))

    def prepare_inputs_for_generation(self, decoder_input_ids, encoder_outputs=None, attention_mask=None, **kwargs):
        return {
            "decoder_input_ids": decoder_input_ids,
            "encoder_outputs": encoder_outputs,
            "attention_mask": attention_mask,
        }
