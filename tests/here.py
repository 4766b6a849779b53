"""The command line in the process of the tests: what takes seconds to import, in every process anew, is there."""

import io
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest

from xraybench.cli import main


def here(*arguments: str) -> subprocess.CompletedProcess:
    """What the command does and prints; `--workers 0` where it computes."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["xraybench", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return subprocess.CompletedProcess(arguments, ended.value.code, out.getvalue(), err.getvalue())
