"""The special tokens: the same few for every kind, at the front of the vocabulary, out of reach of the user's text."""

from __future__ import annotations

PAD = "<|pad|>"
UNKNOWN = "<|unknown|>"
START = "<|start|>"
END = "<|end|>"
SEPARATOR = "<|separator|>"
MASK = "<|mask|>"

SPECIAL = [PAD, UNKNOWN, START, END, SEPARATOR, MASK]

# What other people's tokenizers call them, most telling name first.
END_NAMES = [END, "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "</s>", "[SEP]", "<eos>"]
PAD_NAMES = [PAD, "<pad>", "[PAD]", "<|padding|>", "<|finetune_right_pad_id|>"]
UNKNOWN_NAMES = [UNKNOWN, "<unk>", "[UNK]"]
