"""Digests: the identity of everything that is computed is a digest of what goes into it."""

import hashlib
import json
from pathlib import Path
from typing import Any

DIGEST_LENGTH = 16  # hexadecimal characters: 64 bits, ample for the cells of one project


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, no NaN (ValueError)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(value: Any) -> str:
    """Digest of a plain value (whatever JSON can say)."""
    return digest_bytes(canonical(value).encode())


def digest_bytes(*chunks: bytes | memoryview) -> str:
    """Digest of bytes, in order."""
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
    return sha.hexdigest()[:DIGEST_LENGTH]


def digest_file(path: Path) -> str:
    """Digest of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]


def seed_of(*parts: object) -> int:
    """A 63-bit seed from names: the same names give the same draw in any order of work."""
    text = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
