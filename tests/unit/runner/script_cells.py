"""Cells that say how they were run. None of them ends with an expression that has a value."""

from __future__ import annotations

CELLS = {
    "what a module knows about itself": """
import sys, builtins
print(__name__, __file__, __doc__, __package__, __spec__, type(__loader__).__name__, __loader__.path, __loader__.name)
print(sys.argv, sys.path[0], sys.modules['__main__'].__dict__ is globals(), __builtins__ is builtins)
print(sorted(globals()), getattr(sys, 'orig_argv', None), sys.flags, sys.warnoptions)
""",
    "modules beside it": "import helper, package.inner\nprint(helper.VALUE, package.inner.__file__)\n",
    "a module called like the runner": "import runner, display, wire\nprint(runner.VALUE)\n",
    "modules called like those of the standard library": """
import token, json, types2
print(token.__file__, token.VALUE, json.VALUE)
raise ValueError("after they were imported")
""",
    "a docstring": '"""What it does."""\nprint(__doc__)\n',
    "the future": "from __future__ import annotations\ndef f(x: nowhere): pass\nprint(f.__annotations__)\n",
    "the future too late": "x = 1\nfrom __future__ import annotations\n",
    "Latin-1": "# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n".encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbfprint('marked')\n",
    "lines of Windows": b"x = 1\r\nif x:\r\n    print('yes')\r\n1/0\r\n",
    "no line end": b"print('end')",
    "nothing": b"",
    "a comment only": b"# nothing",
    "a wrong encoding": b"# coding: nonsense\nprint(1)\n",
    "exit status": "import sys\nprint('before')\nsys.exit(3)\n",
    "exit status 0": "import sys\nsys.exit(0)\n",
    "exit with nothing": "import sys\nsys.exit()\n",
    "exit with a text": "import sys\nprint('out', flush=True)\nsys.exit('what went wrong: \xe9')\n",
    "exit with an object": "raise SystemExit([1, 2])\n",
    "exit with True": "raise SystemExit(True)\n",
    "exit with a large number": "raise SystemExit(70000)\n",
    "exit at once": "import os\nprint('lost unless flushed')\nos._exit(7)\n",
    "exit() of site": "exit(4)\n",
    "killed": "import os, signal\nprint('x', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "terminated politely": """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
os.kill(os.getpid(), signal.SIGTERM)
""",
    "interrupted": "import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGINT)\n    input()\nf()\n",
    "a KeyboardInterrupt": "raise KeyboardInterrupt\n",
    "a kind of KeyboardInterrupt": "class Mine(KeyboardInterrupt): pass\nraise Mine('now')\n",
    "aborted": "import os\nos.abort()\n",
    "an exception": "def f(n):\n    return 1 / n\n\nf(0)\n",
    "an exception in another file": "import helper\nhelper.fail()\n",
    "an exception's cause": """
def f():
    raise KeyError('inner')
try:
    f()
except KeyError as error:
    raise ValueError('outer') from error
""",
    "an exception while another one is handled": "try:\n    1/0\nexcept ZeroDivisionError:\n    undefined\n",
    "an exception without its context": "try:\n    1/0\nexcept ZeroDivisionError:\n    raise ValueError from None\n",
    "an exception whose text fails": "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n",
    "an exception of many lines": "raise ValueError('one\\ntwo\\n  File \"main.py\", line 1\\n')\n",
    "a deep recursion": "def f(n):\n    return f(n + 1)\nf(0)\n",
    "an exception in a comprehension": "[1 // n for n in (1, 0)]\n",
    "an exception through a generator and a lambda": "g = (f() for f in [lambda: 1/0])\nlist(g)\n",
    "an assertion": "assert 1 == 2, 'no'\n",
    "a syntax error": "x = 1\ny = = 2\n",
    "an unfinished bracket": "print((1, 2\n",
    "a wrong indentation": "if True:\nprint(1)\n",
    "return outside of a function": "x = 1\nreturn x\n",
    "a name and global": "x = 1\ndef f():\n    x = 2\n    global x\n",
    "a syntax error in a module": "import broken\n",
    "a syntax error in eval": "eval('1 +')\n",
    "await in a function that is not async": "def f():\n    await g()\n",
    "syntax warnings": "x = 1\nif x is 1: print('\\d')\nassert (x, 'always')\n",
    "warnings": """
import warnings
def old():
    warnings.warn('old', DeprecationWarning, stacklevel=2)
warnings.warn('mine')
old()
old()
""",
    "a hook of the user's": """
import sys
def hook(kind, error, trace):
    import traceback
    print('HOOK', kind.__name__, error, [frame.name for frame in traceback.extract_tb(trace)], flush=True)
sys.excepthook = hook
def f(): raise ValueError('x')
f()
""",
    "no hook at all": "import sys\ndel sys.excepthook\n1/0\n",
    "a hook that is None": "import sys\nsys.excepthook = None\nprint('x')\n",
    "at exit": """
import atexit
@atexit.register
def end(): print('at exit', sorted(globals()), __name__)
print('main')
""",
    "at exit after an error": "import atexit\natexit.register(print, 'at exit')\n1/0\n",
    "at exit an error": "import atexit\nignored = atexit.register(lambda: 1/0)\n",
    "threads": """
import threading, time
def work():
    threading.main_thread().join()
    print('after the main thread', flush=True)
threading.Thread(target=work).start()
print('main', threading.current_thread() is threading.main_thread(), flush=True)
""",
    "an error in a thread": """
import threading
thread = threading.Thread(target=lambda: 1/0, name='T')
thread.start()
thread.join()
""",
    "objects at the end": """
class Last:
    def __init__(self, name): self.name = name
    def __del__(self): print('gone', self.name, flush=True)
a = Last('a')
cycle = Last('cycle'); cycle.me = cycle
""",
    "pickles": """
import pickle
class Point:
    def __init__(self, x): self.x = x
copy = pickle.loads(pickle.dumps(Point(3)))
print(type(copy) is Point, copy.x, Point.__module__)
""",
    "its own source": """
import inspect, linecache
def f():
    return 'here'
print(inspect.getsource(f), linecache.getline(__file__, 4), inspect.getfile(f))
""",
    "fork": """
import os
pid = os.fork()
if not pid:
    print('child', flush=True)
else:
    os.waitpid(pid, 0)
    print('parent', flush=True)
""",
    "main guard": "def main():\n    print('main')\n\nif __name__ == '__main__':\n    main()\n",
    "asyncio": """
import asyncio
async def main():
    await asyncio.sleep(0)
    print('done')
asyncio.run(main())
""",
    "input": "print('read', repr(__import__('sys').stdin.read()))\n",
    "stdout closed": "import sys\nsys.stdout.close()\n",
    "stdout None": "import sys\nsys.stdout = None\nprint('nowhere')\n1/0\n",
    "stderr None": "import sys\nsys.stderr = None\n1/0\n",
    "stderr elsewhere": """
import atexit, io, sys
sys.stderr = text = io.StringIO()
atexit.register(lambda: print(text.getvalue().replace('\\x1b', 'ESC').splitlines()[-1]))
1/0
""",
    "stdout redirected": """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as text:
    print('inside')
print('outside', text.getvalue())
""",
    "descriptor 1 moved": """
import os
os.dup2(os.open('moved.txt', os.O_CREAT | os.O_WRONLY), 1)
print('into the file')
""",
    "names overwritten": "print = open = len = repr = isinstance = str = type = None\n",
    "builtins overwritten": "import builtins\nbuiltins.len = builtins.isinstance = builtins.open = None\n1/0\n",
    "everything deleted": "globals().clear()\n",
    "sys.modules emptied": "import sys\nfor name in list(sys.modules):\n    if name != 'sys': del sys.modules[name]\n",
    "main deleted": "import sys\ndel sys.modules['__main__']\nprint('x')\n",
    "another place": "import os, tempfile\nos.chdir(tempfile.gettempdir())\n1/0\n",
    "its file removed": "import os, shutil\nshutil.rmtree('src')\nshutil.rmtree('result')\nprint('gone', flush=True)\n",
    "no way back": "import sys\nsys.path.clear()\nsys.meta_path.clear()\nprint('x')\n",
    "the environment emptied": "import os\nos.environ.clear()\nprint('x')\n",
    "a shallow stack": "import sys\nsys.setrecursionlimit(60)\ndef f(): f()\nf()\n",
    "few open files": """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
1/0
""",
    "exec and eval": "exec('async def f(): pass')\nprint(eval('1 if True else 2'))\nexec('y = 1'); print(y)\n",
    "a process of its own": """
import subprocess, sys
print(subprocess.run([sys.executable, '-c', 'print(__name__)'], capture_output=True, text=True).stdout)
""",
    "its name as another program": "import runpy\nprint(runpy.run_path('src/helper.py', run_name='x')['__name__'])\n",
    "tracing": "import sys, threading\nsys.settrace(lambda *_: None)\nsys.setprofile(lambda *_: None)\nx = 1\n",
    "too deep for a tree": "x = " + "+".join(["1"] * 2000) + "\nprint(x)\n",
    "a long expression": "x = " + "+".join(["1"] * 3000) + "\nprint(x)\n",
    "a nested expression": "x = " + "(" * 80 + "1" + ")" * 80 + "\nprint(x)\n",
    "too deep for a parser": "x = " + "(" * 5000 + "1" + ")" * 5000 + "\n",
    "text in another alphabet": "print('\u00e4\u6f22\U0001f600')\nraise ValueError('\u00e4\u6f22\U0001f600')\n",
    "text that cannot be encoded": "print(ascii('\\ud800'))\nraise ValueError('\\ud800')\n",
}
"""What each cell is about, and its source."""

FROM_3_11 = {
    "notes": "e = ValueError('x')\ne.add_note('a note\\nof two lines')\nraise e\n",
    "an exception group": """
def f(n): return 1 / n
errors = []
for n in (0, 'x'):
    try: f(n)
    except Exception as e: errors.append(e)
raise ExceptionGroup('several', errors)
""",
}

FILES = {
    "src/helper.py": "VALUE = 'helped'\ndef fail():\n    raise RuntimeError('in the helper')\n",
    "src/package/__init__.py": "",
    "src/package/inner.py": "",
    "src/runner.py": "VALUE = 'own runner'\n",
    "src/display.py": "",
    "src/wire.py": "",
    "src/broken.py": "def f(:\n    pass\n",
}
SHADOWS = {
    "src/token.py": "print('token runs')\nVALUE = 'own token'\n",
    "src/json.py": "print('json runs')\nVALUE = 'own json'\n",
    "src/types2.py": "",
}
