"""What every program's reader does alike: pictures in, answers out, a line each.

Usage: python read_PROGRAM.py < ASKED > ANSWERS      ASKED: JSON lines {"path": ..., "kind": "digits" or "letters"}
ANSWERS: JSON lines {"path", "answers": {usage: {alphabet: character}}}; alphabets: "all" (whatever the program knows),
"letters+digits" and the picture's kind.
"""

from __future__ import annotations

import json
import string
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

ALPHABETS = {
    "digits": string.digits,
    "letters": string.ascii_letters,
    "letters+digits": string.ascii_letters + string.digits,
}


def serve(answer: Callable[[str, str], dict[str, dict[str, str]]]) -> None:
    """Answer each line of standard input."""
    for line in sys.stdin:
        asked = json.loads(line)
        answers = answer(asked["path"], asked["kind"])
        print(json.dumps({"path": asked["path"], "answers": answers}, ensure_ascii=False), flush=True)


def of_steps(steps: NDArray[np.float32], characters: list[str], kind: str) -> dict[str, str]:
    """Answers of a network that reads a line in steps (CTC), for each alphabet.

    Args:
        steps: (T, C) probability or logit of each character at each step.
        characters: C of them; those that are no single character are never answered.
        kind: the picture's alphabet.

    Returns:
        For each alphabet the allowed character that is surest at any step.
    """
    surest = steps.max(0)  # (C,)
    answers = {}
    for alphabet in ("all", "letters+digits", kind):
        allowed = ALPHABETS.get(alphabet)
        ids = [i for i, c in enumerate(characters) if len(c) == 1 and c.strip() and (allowed is None or c in allowed)]
        answers[alphabet] = characters[ids[int(surest[ids].argmax())]]
    return answers
