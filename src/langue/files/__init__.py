"""Files on a disk: written whole, held by one process, checked by hashes, and removed by one law.

The law: nothing is removed that this process did not write itself or that a list of ours does not name. A bare name is
no proof of ownership. `staging` writes beside a place and renames, `claim` holds a folder and keeps the list of what a
setting-up has written, `manifest` knows the bytes of each file of a folder, `stamp` those of a single file.
"""

from langue.files.additions import Additions
from langue.files.claim import claim, is_held, is_unfinished
from langue.files.disk import disk_fault, make_folders, scratch_folder, sync
from langue.files.hashing import digest, every_byte
from langue.files.kept import discard_pieces, piece_of
from langue.files.ledger import note, remove_files
from langue.files.manifest import MANIFEST, Manifest, check_file, check_folder, replacing_listed, seal
from langue.files.protection import refuse_listed, refuse_protected
from langue.files.staging import replacing, write_text
from langue.files.stamp import STAMP, check_stamp, write_stamp

__all__ = [
    "MANIFEST",
    "STAMP",
    "Additions",
    "Manifest",
    "check_file",
    "check_folder",
    "check_stamp",
    "claim",
    "digest",
    "discard_pieces",
    "disk_fault",
    "every_byte",
    "is_held",
    "is_unfinished",
    "make_folders",
    "note",
    "piece_of",
    "refuse_listed",
    "refuse_protected",
    "remove_files",
    "replacing",
    "replacing_listed",
    "scratch_folder",
    "seal",
    "sync",
    "write_stamp",
    "write_text",
]
