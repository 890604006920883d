"""Other people's formats: Hugging Face's folders, read and written."""

from langue.hub.checkpoint import Checkpoint, new_folder, read_labels, read_origin, save_checkpoint
from langue.hub.folder import is_published
from langue.hub.purpose import purpose
from langue.hub.read import Precision, read_published
from langue.hub.sentence import read_pooling

__all__ = [
    "Checkpoint",
    "Precision",
    "is_published",
    "new_folder",
    "purpose",
    "read_labels",
    "read_origin",
    "read_pooling",
    "read_published",
    "save_checkpoint",
]
