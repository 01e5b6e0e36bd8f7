"""A pipeline as a module, which processes can import: numbers and their squares."""

SQUARES = '''
import contextlib
import os
import signal
import levada as lv

schema = lv.Schema("squares")

@schema
class Number(lv.Lookup):
    definition = """
    n : int32
    """
    contents = [(n,) for n in range(30)]

class OwnError(Exception):
    pass

@schema
class Square(lv.Computed):
    definition = """
    -> Number
    ---
    square : int64
    process : int64
    """

    def make(self, key, worst=None):
        with open(os.environ["CALLS"], "a") as calls:
            calls.write(f"{key['n']}\\n")
        if key["n"] == worst:
            raise OwnError(f"{worst} is bad")
        if worst == "exit":
            os._exit(1)
        if worst == "dies":  # some keys do once, and one each time
            with contextlib.suppress(FileExistsError):
                if key["n"] % 7 == 3:
                    if key["n"] != 24:
                        os.mkdir(f"{os.environ['CALLS']}.{key['n']}")
                    os.kill(os.getpid(), signal.SIGKILL)
        self.insert1({**key, "square": key["n"] ** 2, "process": os.getpid()})
'''
"""Each make adds a line to the file that the variable CALLS names. `worst` is the key that fails, "exit" or "dies"."""
