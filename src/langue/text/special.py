"""The special tokens: the same few for every kind, at the front of the vocabulary, out of reach of the user's text."""

from __future__ import annotations

PAD = "<|pad|>"
UNKNOWN = "<|unknown|>"
START = "<|start|>"
END = "<|end|>"
SEPARATOR = "<|separator|>"
MASK = "<|mask|>"

SPECIAL = [PAD, UNKNOWN, START, END, SEPARATOR, MASK]

# What Hugging Face's files say a token is for, by what we have it for. BERT has none that ends a document but [SEP].
ROLES = {
    "start": ("cls_token", "bos_token"),
    "end": ("eos_token", "sep_token"),
    "separator": ("sep_token",),
    "pad": ("pad_token",),
    "unknown": ("unk_token",),
    "mask": ("mask_token",),
}

# What other people's tokenizers call them where no file says it, most telling name first.
NAMES = {
    "start": (START, "[CLS]", "<s>", "<cls>", "<|begin_of_text|>", "<bos>"),
    "end": (END, "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "</s>", "[SEP]", "<eos>"),
    "separator": (SEPARATOR, "[SEP]", "</s>", "<sep>"),
    "pad": (PAD, "<pad>", "[PAD]", "<|padding|>", "<|finetune_right_pad_id|>"),
    "unknown": (UNKNOWN, "<unk>", "[UNK]"),
    "mask": (MASK, "[MASK]", "<mask>"),
}
