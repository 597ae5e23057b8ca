"""Starts a Python cell inside its job: `python3 src/.pollinator/runner/start.py src/main.py`, in the job's directory.

Every Python, however old, must be able to read this file: one that cannot run the notebook runner says so, and runs the
cell as the plain script that it is.
"""

import os
import sys

PACKAGE = "_pollinator_runner"  # not `runner`: that name may be a module of the cell's own


def plainly(why):
    """Run the script in place of this program."""
    sys.stderr.write("pollinator: %s: the cell runs as a plain script.\n" % why)
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable] + sys.argv[1:])  # noqa: S606  the user's own program


def prepared():
    """Return what runs the cell; does not return if only the plain way is left."""
    if sys.version_info < (3, 8):
        plainly("the notebook runner needs Python 3.8 or newer, and this is Python %d.%d" % sys.version_info[:2])
    here = os.path.dirname(os.path.abspath(__file__))
    writes_bytecode = not sys.dont_write_bytecode
    try:
        # Made by hand: nothing is added to sys.path, where the cell's modules could not tell it from their own.
        package = sys.modules[PACKAGE] = type(sys)(PACKAGE)
        package.__path__ = [here]
        sys.dont_write_bytecode = True
        from _pollinator_runner.execute import prepare

        return prepare(sys.argv[1], here)
    except Exception as error:  # noqa: BLE001  then the plain way is left
        return plainly("the notebook runner cannot start (%s: %s)" % (type(error).__name__, error))
    finally:
        sys.dont_write_bytecode = not writes_bytecode


# Nothing may follow: what runs the cell gives the namespace of this module to it.
prepared()()
