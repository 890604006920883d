"""Other people's formats: Hugging Face's folders, read and written."""

from langue.hub.checkpoint import PretrainedModel, new_folder, read_labels, read_origin, read_reading, save_checkpoint
from langue.hub.folder import is_published
from langue.hub.formats import is_foreign, local, read_source
from langue.hub.purpose import purposes
from langue.hub.read import Precision, read_published

__all__ = [
    "Precision",
    "PretrainedModel",
    "is_foreign",
    "is_published",
    "local",
    "new_folder",
    "purposes",
    "read_labels",
    "read_origin",
    "read_published",
    "read_reading",
    "read_source",
    "save_checkpoint",
]
