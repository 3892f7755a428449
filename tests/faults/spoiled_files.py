"""Files of recordings and arrays, spoiled: their bytes, their headers, their archives."""

from __future__ import annotations

import io
import random
import warnings
import zipfile
from pathlib import Path

import numpy as np
import safetensors.numpy
from mutations import cut, flip, insert, lie, noise, repeat

from gradcmp.errors import RecordingError
from gradcmp.recording import pack, unpack
from gradcmp.recording.seal import SEAL, seal

# Headers of .npy files are Python literals.
SHAPES = (
    *("(3, 2)", "(True, 2)", "(2, -3)", "(-1,)", "(2**70,)", "(0, 2**62)", "(9999999999999,)"),
    *(
        "(1,)*100",
        "(" + "1," * 100 + ")",
        "[3,2]",
        "(3.0,2)",
        "('3',)",
        "None",
        "(1j,)",
        "((3,),2)",
    ),
    "(" + "-" * 9000 + "1,)",
    "(" * 200 + ")" * 200,
    "(" + "9" * 400 + ",)",
    "(" + "9" * 5000 + ",)",
)
DTYPES = (
    *("'<f8'", "'>f8'", "'|b1'", "'O'", "'<c32'", "'<f16'", "'V8'", "'S9'", "'<U99999999'"),
    *("[('a','<f8')]", "'<f8,<f8'", "('<f8',(2,))", "'<M8[ns]'", "True", "[]", "{}", "None"),
    "'" + "f" * 5000 + "'",
)
WHOLE = (
    *("", "{", "{'descr':", "f'{1}'", "lambda: 1", "__import__('os')", "{'descr': 1//0}", "\0"),
    *("[" * 9000, "(" * 3000, "-" * 9000 + "1", "b'\\xff'", "{1: 2}", "{'descr': {}}", "'" * 99),
)
MEMBERS = ("node1.npy", "node2.npy", "d X.npy", "../x.npy", "a\x1b.npy", "x.txt", ".npy", "a/b.npy")


def header(rng: random.Random, blob: bytes) -> bytes:
    """Put a hostile header before the numbers of a .npy file."""
    order = rng.choice(["False", "False", "True", "None", "1", "[]"])
    text = (
        f"{{'descr': {rng.choice(DTYPES)}, 'fortran_order': {order}, "
        f"'shape': {rng.choice(SHAPES)}, }}"
        if rng.random() < 0.9
        else rng.choice(WHOLE)
    )
    written = f"{text} \n".encode()
    version, size = rng.choice([((1, 0), 2), ((2, 0), 4), ((3, 0), 4), ((1, 1), 2), ((9, 9), 2)])
    length = (len(written) % 256**size).to_bytes(size, "little")
    return b"\x93NUMPY" + bytes(version) + length + written + blob[-48:]


def archive(rng: random.Random, blob: bytes) -> bytes:
    """Return a .npz file of hostile members."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", rng.choice([0, 8, 12])) as made:
        warnings.simplefilter("ignore")  # of names that occur twice
        for name in rng.choices(MEMBERS, k=rng.choice([1, 2, 3])):
            made.writestr(name, header(rng, bytes(48)))
    return stream.getvalue()


def sealed(rng: random.Random, blob: bytes) -> bytes:
    """Spoil a recording, and compute its digest again: what it says is then read."""
    return sealed_again(lie(rng, blob))


def sealed_again(blob: bytes) -> bytes:
    try:
        arrays, facts = unpack(blob)
        return pack(arrays, {**facts, SEAL: seal(arrays, facts)})
    except (RecordingError, TypeError, ValueError, KeyError):
        return blob


def numbers(rng: random.Random, blob: bytes) -> bytes:
    """Put other bits behind the header of a recording: NaN, infinities, whatever they are."""
    begin = 8 + int.from_bytes(blob[:8], "little")
    spoiled = bytearray(blob)
    for _ in range(rng.choice([1, 4, 40])):
        if begin < len(blob):
            spoiled[rng.randrange(begin, len(blob))] = rng.choice([0, 0x7F, 0xFF, 0x80, 0xF0, 3])
    return sealed_again(bytes(spoiled))


MUTATIONS = {
    ".safetensors": (
        *(flip, cut, repeat, insert, noise, lie),
        *(sealed, sealed, sealed, numbers, numbers, numbers, numbers),
    ),
    ".npy": (flip, cut, repeat, insert, noise, header, header, header, header),
    ".npz": (flip, flip, cut, repeat, insert, archive, archive, archive),
}


def sources(record: Path) -> list[Path]:
    """Write files beside recordings; return all that are spoiled."""
    value, gradient = np.ones(3), np.ones(3)
    np.savez(record / "stored.npz", **{"node1": value, "d X": gradient})
    np.savez_compressed(record / "deflated.npz", **{"node1": value, "d X": gradient})
    np.save(record / "array.npy", np.ones((3, 2)))
    safetensors.numpy.save_file({"node1": value, "d X": gradient}, record / "own.safetensors")
    return sorted(file for file in record.iterdir() if file.suffix in MUTATIONS)


def spoiled(rng: random.Random, file: Path) -> bytes:
    blob = file.read_bytes()
    for _ in range(rng.choice([1, 1, 1, 3])):
        blob = rng.choice(MUTATIONS[file.suffix])(rng, blob) if blob else blob
    return blob
