"""The Python runtime server: loads a function and runs its invocations, inside a guest.

Speaks docs/runtime-protocol.md, in one file, with the standard library alone, on CPython 3.9 and
later. Start it as `python3 -I server.py`: isolated, so that neither PYTHON* variables nor the
current folder change what it imports.

Threads: the server loop owns the main thread and runs no user code. Each `def` invocation has a
thread to itself, each load too; all `async def` invocations share the event loop of one further
thread. So the server answers timeouts whatever user code does, as long as that lets go of the GIL.

What belongs to whom is kept in a context variable, `CURRENT`: the invocation or load on whose
behalf code runs. Threads, executors, tasks and callbacks inherit it; streams, `os.environ` and
`os._exit` look at it.

Start-up and memory count, since this runs under emulation too: what is imported here is frozen or
built into the interpreter. Parts of the standard library that need changes are changed when user
code imports them (see PATCHES).

For people who write functions:
- `logging` prints what its loggers let through, WARNING and above unless told otherwise, with or
  without `logging.basicConfig`.
- `sys.setrecursionlimit` goes up to 8,000, for which every thread has the stack.
- Child processes get the environment of the revision that starts them; `os.system` gets that of
  the revision that serves.
- The code loads once, and every VM that serves is a clone of that one. `random` is seeded anew in
  each, whatever seed it was given, and so is what is behind `secrets`, `ssl`, `tempfile`, `uuid`
  and the `random()` of sqlite. `uuid.getnode()` is a random number, since clones have the same
  network address. The rest is for `firelet.after_restore` (`import firelet`): a `random.Random()`
  of the function's own, its connections, what it has fetched, the ticket keys of an `SSLContext`
  that serves, and all that its child processes hold.
"""

import builtins

# User code may replace builtins; these names stay ours.
globals().update({name: value for name, value in vars(builtins).items() if name[0] != "_"})

import _json
import _signal
import _thread
import gc
import io
import os
import select
import sys
from _collections import deque
from _functools import partial
from _heapq import heapify, heappop, heappush
from _operator import _compare_digest as compare_digest
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET
from _socket import TCP_NODELAY, socket as Socket
from _thread import allocate_lock, get_ident
from codecs import getincrementaldecoder
from contextvars import Context, ContextVar, copy_context
from gc import collect as collect_garbage
from os import fsencode, getpid, putenv as put_variable, unsetenv as unset_variable, urandom
from os import write as write_descriptor
from time import monotonic, perf_counter, time

PROTOCOL = 1
BODY_LIMIT = 7 * 1024 * 1024
HEAD_LIMIT = 16 * 1024
RESPONSE_LIMIT = 6 * 1024 * 1024
LOG_LIMIT = 256 * 1024
TEXT_LIMIT = 64 * 1024  # of an error's message or stack

# A level of recursion through C code was seen to take up to 3.3 KB of stack (sorted with a key).
STACK_BYTES = 32 * 1024 * 1024
RECURSION_LIMIT = 8000

IDLE_THREADS = 64
ABANDONED_THREADS = 256  # more of them than this is a leak that only a new VM mends

# How long stopping an invocation may take beyond its limit: the protocol allows 250 ms in all.
STOP_SECONDS = 0.15
SAMPLE_SECONDS = 0.01
# How long the server loop waits for each thread that computes, and while it has some to stop.
SWITCH_SECONDS = 0.001
HURRIED_SWITCH_SECONDS = 0.0001
BUSY_SHARE = 0.005  # low, because many threads may share the one processor

HERE = (lambda: 0).__code__.co_filename
FOLDER = "/function/"
SERVER_PID = getpid()
FORKED = False  # true in child processes that user code forks
CONSOLE = os.dup(1)  # ours, so that user code that closes descriptor 1 does not close it

CURRENT = ContextVar("firelet_current", default=None)


class FunctionTimeout(BaseException):
    """Raised inside code that goes on computing after its time is up."""


class ProcessExit(SystemExit):
    """Raised where user code would have ended the process of the server."""


# --- Output ---------------------------------------------------------------------------------------


def write_console(data):
    try:
        while data:
            data = data[write_descriptor(CONSOLE, data):]
    except OSError:
        pass  # nobody reads the console; there is no one left to tell


def to_bytes(text):
    # Lone surrogates have no UTF-8; as backslash escapes they are valid within JSON strings.
    return text.encode("utf-8", "backslashreplace")


class Output:
    """The lines of one invocation or load, and after its reply the way to the console."""

    __slots__ = ("prefix", "lines", "size", "cut", "closed", "partials", "decoders")

    def __init__(self, prefix):
        self.prefix = prefix
        self.lines = []
        self.size = 0
        self.cut = self.closed = False
        self.partials = {}  # unfinished lines of each stream and thread: their length, pieces
        self.decoders = None

    def write(self, stream, text):
        if text == "" or (self.cut and not self.closed):
            return
        key = stream, get_ident()
        end = text.rfind("\n")
        if end < 0:
            pieces = self.partials.get(key)
            if pieces is None:
                pieces = self.partials[key] = [0]
            pieces[0] += len(text)
            pieces.append(text)
            if pieces[0] > LOG_LIMIT:
                self.partials.pop(key, None)
                self.add("".join(pieces[1:]))
            return
        pieces = self.partials.pop(key, None)
        if end + 1 < len(text):
            self.partials[key] = [len(text) - end - 1, text[end + 1:]]
        text = text[:end]
        if pieces is not None:
            pieces.append(text)
            text = "".join(pieces[1:])
        for line in text.split("\n"):
            self.add(line)

    def write_bytes(self, stream, data):
        key = stream, get_ident()
        if self.decoders is None:
            self.decoders = {}
        decoder = self.decoders.get(key)
        if decoder is None:
            decoder = self.decoders[key] = getincrementaldecoder("utf-8")("replace")
        self.write(stream, decoder.decode(data))

    def add(self, line):
        if self.closed:
            write_console(to_bytes(f"{self.prefix}{line}\n"))
        else:
            self.keep(line)

    def keep(self, line):
        if self.cut:
            return
        size = len(line) if line.isascii() else len(to_bytes(line))
        self.size += size + 1
        if self.size <= LOG_LIMIT:
            self.lines.append(line)
            return
        self.cut = True
        room = LOG_LIMIT - (self.size - size)
        if room > 0:
            self.lines.append(to_bytes(line)[:room].decode("utf-8", "ignore"))
        self.lines.append(f"[firelet] logs cut at {LOG_LIMIT} bytes")

    def close(self):
        """The lines so far; later ones go to the console."""
        if not self.closed:
            self.closed = True
            partials, self.partials = self.partials, {}
            for pieces in partials.values():
                self.keep("".join(pieces[1:]))
        lines, self.lines = self.lines, []
        return lines

    def flush(self):
        """Ends unfinished lines."""
        partials, self.partials = self.partials, {}
        for pieces in partials.values():
            self.add("".join(pieces[1:]))


class Stream(io.TextIOBase):
    """What `sys.stdout` and `sys.stderr` are: text goes to the invocation that writes it."""

    mode = "w"
    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = write_through = True
    descriptor = 0
    redirected = None  # a context variable: what contextlib.redirect_stdout put in our place
    buffer = None

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        target = self.redirected.get()
        if target is not None:
            return target.write(text)
        work = CURRENT.get()
        if work is None or FORKED:
            write_console(to_bytes(text))
        else:
            work.output.write(self.descriptor, text)
        return len(text)

    def fileno(self):
        return self.descriptor

    def writable(self):
        return True

    def flush(self):
        target = self.redirected.get()
        if target is not None:
            target.flush()

    def close(self):
        pass

    def reconfigure(self, **options):
        pass

    def detach(self):
        return self.buffer


class ByteStream(io.RawIOBase):
    """The `buffer` of such a stream."""

    mode = "wb"
    stream = None

    def write(self, data):
        data = bytes(data)
        work = CURRENT.get()
        if work is None or FORKED:
            write_console(data)
        else:
            work.output.write_bytes(self.stream.descriptor, data)
        return len(data)

    def fileno(self):
        return self.stream.descriptor

    def writable(self):
        return True

    def close(self):
        pass

    @property
    def raw(self):
        return self


def make_stream(stream_name, number):
    # All of it on classes: what user code sets on the objects can then simply be cleared.
    class Buffer(ByteStream):
        name = f"<{stream_name}>"

    class Text(Stream):
        name = f"<{stream_name}>"
        descriptor = number
        redirected = ContextVar(f"firelet_{stream_name}", default=None)
        buffer = Buffer()

    Buffer.stream = Text()
    return Buffer.stream


STDOUT, STDERR = make_stream("stdout", 1), make_stream("stderr", 2)


def restore_streams():
    """Undoes what user code did to the streams, so that the next invocation has its own."""
    for name, stream in (("stdout", STDOUT), ("stderr", STDERR)):
        if sys.__dict__.get(name) is not stream:
            replaced = getattr(sys, name, None)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
            try:
                replaced.flush()
            except BaseException:
                pass  # whatever the user's object does: ours is in place again
        if stream.__dict__:
            stream.__dict__.clear()


# --- Environment ----------------------------------------------------------------------------------

BASE_ENVIRONMENT = {
    name: value for name, value in os.environ._data.items() if not name.startswith(b"FIRELET_")
}


class Environment(os._Environ):
    """`os.environ`: the environment of the revision on whose behalf code runs."""

    applied = dict(os.environ._data)  # what the C library has

    def __init__(self, model):
        coders = (model.encodekey, model.decodekey, model.encodevalue, model.decodevalue)
        super().__init__({}, *coders)

    @property
    def _data(self):
        work = CURRENT.get()
        return BASE_ENVIRONMENT if work is None else work.environment

    @_data.setter
    def _data(self, value):
        pass  # os._Environ.__init__ sets it

    def __setitem__(self, key, value):
        name, text = self.encodekey(key), self.encodevalue(value)
        self._data[name] = text
        if self._data is SERVER.served_environment():
            self.put(name, text)

    def __delitem__(self, key):
        name = self.encodekey(key)
        if self._data.pop(name, None) is None:
            raise KeyError(key) from None
        if self._data is SERVER.served_environment():
            self.put(name, None)

    @classmethod
    def put(cls, name, text):
        if text is None:
            cls.applied.pop(name, None)
            unset_variable(name)
        elif cls.applied.get(name) != text:
            put_variable(name, text)
            cls.applied[name] = text

    @classmethod
    def apply(cls, environment):
        """Gives the C library `environment`: for os.system, and for the time zone."""
        zone = cls.applied.get(b"TZ")
        for name in [name for name in cls.applied if name not in environment]:
            cls.put(name, None)
        for name, text in environment.items():
            cls.put(name, text)
        if environment.get(b"TZ") != zone:
            import time

            time.tzset()


# --- JSON -----------------------------------------------------------------------------------------
# The C parts behind the json module: it would import `re`, and user code may replace its functions.


class ScannerSettings:
    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name):
        raise ValueError(f"{name} is not JSON")


def refuse_value(value):
    raise TypeError(f"{type(value).__name__} is not JSON")


scan_json = _json.make_scanner(ScannerSettings)
quote = _json.encode_basestring
write_chunks = _json.make_encoder(None, refuse_value, quote, None, ":", ",", False, False, False)


def parse_json(body):
    """The value of JSON bytes; raises ValueError or RecursionError where they are none."""
    text = str(body, "utf-8").strip(" \t\r\n")
    try:
        value, end = scan_json(text, 0)
    except (StopIteration, SystemError):
        # A SystemError says that the json module, which has the proper error, is not loaded.
        raise ValueError("no JSON value") from None
    if end != len(text):
        raise ValueError(f"something follows the value at character {end}")
    return value


def write_json(value):
    return "".join(write_chunks(value, 0))


def what_is_not_json(value):
    """Says where in `value` is what JSON cannot hold, or returns None. Does not recurse."""
    iterators = [iter((("response", value),))]
    labels, holders = [], []
    held = set()
    while iterators:
        entry = next(iterators[-1], None)
        if entry is None:
            iterators.pop()
            if labels:
                labels.pop()
                held.discard(holders.pop())
            continue
        label, item = entry
        reason, children = judge_item(item)
        if children is not None and id(item) in held:
            reason = "a cycle"
        if reason is not None:
            path = "".join(labels) + label
            if len(path) > 200:
                path = f"{path[:100]} … {path[-90:]}"
            return f"{reason} at {path}"
        if children is not None:
            labels.append(label)
            holders.append(id(item))
            held.add(id(item))
            iterators.append(children)
    return None


def judge_item(item):
    """Why `item` is no JSON, or the labels and values in it; both None where it is a leaf."""
    if item is None or isinstance(item, (str, bool)):
        return None, None
    if isinstance(item, float):
        finite = item == item and item not in (float("inf"), float("-inf"))
        return (None if finite else float.__repr__(item)), None
    if isinstance(item, int):
        try:
            int.__repr__(item)
        except ValueError:
            return "an integer of too many digits", None
        return None, None
    if isinstance(item, (list, tuple)):
        return None, iter([(f"[{index}]", child) for index, child in enumerate(item)])
    if isinstance(item, dict):
        for key in item:
            if key is not None and not isinstance(key, (str, int, float)):
                return f"a key that is {kind_of(key)}", None
        return None, iter([(label_of(key), child) for key, child in item.items()])
    return kind_of(item), None


def kind_of(value):
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def label_of(key):
    if isinstance(key, str) and key.isidentifier():
        return f".{key}"
    return f"[{quote(key) if isinstance(key, str) else repr(key)}]"


# --- Errors ---------------------------------------------------------------------------------------


class Failure(Exception):
    """A failure with a type of the protocol's own; `error` is the exception behind it, if any."""

    def __init__(self, type_name, message, error=None):
        super().__init__(message)
        self.type_name = type_name
        self.message = message
        self.error = error


def shorten(text):
    if len(text) <= TEXT_LIMIT:
        return text
    half = TEXT_LIMIT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def message_of(error):
    try:
        return shorten(str.__str__(str(error)))
    except BaseException:
        return "(cannot be read)"


def exit_code(error):
    code = error.code
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


def name_and_message(error):
    """The protocol's `error_type` and `error` of anything that user code raised."""
    if isinstance(error, Failure):
        return error.type_name, error.message
    if isinstance(error, ProcessExit):
        return "FunctionExit", message_of(error)
    if isinstance(error, SystemExit):
        detail = "" if error.code is None or isinstance(error.code, int) else f": {error.code}"
        text = f"Function exited with code {exit_code(error)} (sys.exit){detail}"
        return "FunctionExit", shorten(text)
    return type(error).__name__, message_of(error)


def stack_of(error):
    """The traceback, without the frames of this file; (text, innermost frame of the user's)."""
    if isinstance(error, Failure):
        if error.error is None:
            return None, None
        error = error.error
    try:
        from traceback import TracebackException

        whole = TracebackException(type(error), error, error.__traceback__)
        own = [frame for frame in whole.stack if frame.filename.startswith(FOLDER)]
        waiting, seen = [whole], set()
        while waiting:
            part = waiting.pop()
            if part is None or id(part) in seen:
                continue
            seen.add(id(part))
            part.stack[:] = [frame for frame in part.stack if frame.filename != HERE]
            waiting += [part.__cause__, part.__context__]
            waiting += getattr(part, "exceptions", None) or ()
        text = "".join(whole.format()).rstrip("\n")
        return shorten(text), own[-1] if own else None
    except BaseException:  # user code may have broken `traceback`, or the exception may be hostile
        return f"{type(error).__name__}: {message_of(error)}", None


def describe_fault(error):
    """A mistake of this file's own, with the place in it."""
    frame, place = error.__traceback__, ""
    while frame is not None:
        place += f" {frame.tb_frame.f_code.co_name}:{frame.tb_lineno}"
        frame = frame.tb_next
    return f"{type(error).__name__}: {message_of(error)} at{place}"


# --- Work: what the server does for somebody ------------------------------------------------------


class Work:
    """An invocation or a load: on whose behalf code runs, and who waits for the answer."""

    def __init__(self, server, connection, environment, prefix):
        self.server = server
        self.connection = connection
        self.environment = environment
        self.output = Output(prefix)
        self.worker = None
        self.expired = False
        self.number = server.register(self)

    def claim(self):
        """True for the one caller that may answer."""
        return self.server.unanswered.pop(self.number, None) is not None

    def fail(self, error):
        raise NotImplementedError

    def leave_fork(self, error):
        """Ends a child process that user code forked and that came back here."""
        if FORKED:
            if error is not None and not isinstance(error, SystemExit):
                write_console(to_bytes(f"{stack_of(error)[0]}\n"))
            real_exit(exit_code(error) if isinstance(error, SystemExit) else error is not None)


class FunctionContext:
    """The second argument of a handler."""

    def __init__(self, invocation, revision):
        self.request_id = self.aws_request_id = invocation.request_id
        self.traceparent = invocation.traceparent
        self.function_name = revision.function_name
        self.revision = revision.number
        self.memory_mb = self.memory_limit_in_mb = revision.memory_mb
        self.deadline_ms = int(time() * 1000 + invocation.timeout_ms)
        self._deadline = invocation.deadline

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - monotonic()) * 1000))


class Invocation(Work):
    def __init__(self, server, connection, request):
        self.request_id = request["request_id"]
        self.traceparent = request.get("traceparent")
        self.event = request.get("event", {})
        self.timeout_ms = request["timeout_ms"]
        self.revision = server.revision
        self.revision_number = self.revision.number
        self.started = perf_counter()
        self.deadline = monotonic() + self.timeout_ms / 1000
        self.duration = None
        self.loop_thread = self.task = None
        super().__init__(
            server, connection, self.revision.environment, f"[{self.request_id}] "
        )

    def run(self):
        """Runs a `def` handler, in a thread that does nothing else meanwhile."""
        revision = self.revision
        if revision is not None:  # it is gone when the limit came before the thread
            revision.context.copy().run(self.call, revision)

    def call(self, revision):
        CURRENT.set(self)
        restore_streams()
        self.started = perf_counter()
        try:
            value = revision.call(self)
        except BaseException as error:
            self.leave_fork(error)
            self.fail(error)
            return
        self.leave_fork(None)
        if hasattr(type(value), "__await__"):
            self.server.loops.submit(self, value)
        else:
            self.succeed(value)

    async def drive(self, revision, awaitable):
        """Runs an `async def` handler, or what a `def` handler returned, on the event loop."""
        restore_streams()
        if awaitable is None:
            self.started = perf_counter()
        try:
            value = await (revision.call(self) if awaitable is None else awaitable)
        except BaseException as error:
            self.leave_fork(error)
            self.fail(error)
        else:
            self.leave_fork(None)
            self.succeed(value)

    def succeed(self, value):
        self.stop_clock()
        try:
            response = to_bytes(write_json(value))
            if len(response) > RESPONSE_LIMIT:
                raise Failure(
                    "ResponseTooLarge",
                    f"Response is too large: its JSON has {len(response)} bytes, the limit is"
                    f" {RESPONSE_LIMIT}",
                )
        except Failure as error:
            self.fail(error)
        except BaseException as error:
            self.fail(self.explain(value, error))
        else:
            if self.claim():
                self.answer("success", response, b"")

    def explain(self, value, error):
        try:
            place = what_is_not_json(value)
        except BaseException:
            place = None  # a list or dict of the user's own that fails to be read
        if place is None:
            deep = isinstance(error, RecursionError)
            found = "a value nested too deep" if deep else ": ".join(name_and_message(error))
            place = f"{found} at response"
        message = f"Cannot make JSON of the response: found {place}"
        return Failure("ResponseNotSerializable", message)

    def fail(self, error):
        self.stop_clock()
        kind, message = name_and_message(error)
        stack = stack_of(error)[0]
        if self.claim():
            self.answer_failure("error", message, kind, stack)

    def time_out(self, replace):
        """Answers for an invocation that the server loop has claimed at its limit."""
        self.stop_clock()
        limit = f"{self.timeout_ms:g}" if isinstance(self.timeout_ms, float) else self.timeout_ms
        message = f"Function timed out after {limit} ms"
        self.answer_failure("timeout", message, "FunctionTimeout", None, replace)

    def answer_failure(self, status, message, kind, stack, replace=False):
        fields = (
            f',"error":{quote(message)},"error_type":{quote(kind)}'
            f',"stack":{"null" if stack is None else quote(stack)}'
        )
        self.answer(status, b"null", to_bytes(fields), replace)

    def answer(self, status, response, fields, replace=False):
        restore_streams()
        logs = self.output.close()
        head = (
            f'{{"request_id":{quote(self.request_id)},"status":"{status}"'
            f',"duration_ms":{round(self.duration * 1000, 3)},"response":'
        )
        tail = f',"logs":{write_json(logs) if logs else "[]"},"revision":{self.revision_number}'
        if replace or self.server.needs_replacement():
            tail += ',"replace":true'
        body = b"".join((to_bytes(head), response, fields, to_bytes(tail), b"}"))
        # Contexts of threads that live on keep this object; they must not keep the revision.
        revision, self.revision, self.event = self.revision, None, None
        if revision is not self.server.revision:
            self.server.collect_soon()
        connection, self.connection = self.connection, None
        connection.reply(200, body)

    def stop_clock(self):
        if self.duration is None:
            self.duration = perf_counter() - self.started


# --- Loading --------------------------------------------------------------------------------------


class Revision:
    """Code that loaded, and all that its invocations need."""

    def __init__(self, bundle, environment, module_name):
        self.module_name = module_name
        self.number = bundle["revision"]
        self.function_name = bundle["function_name"]
        self.memory_mb = bundle["memory_mb"]
        self.handler_name = bundle["handler"]
        self.environment = environment
        self.context = None
        self.handler = None
        self.takes_context = self.is_async = False
        self.file = None
        self.hooks = {}

    def call(self, invocation):
        if self.takes_context:
            return self.handler(invocation.event, FunctionContext(invocation, self))
        return self.handler(invocation.event)

    def use(self, handler):
        self.handler = handler
        self.takes_context = takes_context(handler)
        self.is_async = bool(flags_of(handler) & 0x80)  # inspect.CO_COROUTINE


def flags_of(handler):
    """The code flags of what runs when `handler` is called; 0 where that is not plain to see."""
    for _ in range(16):
        code = getattr(handler, "__code__", None)
        if code is not None:
            return code.co_flags
        inner = getattr(handler, "__func__", None) or getattr(handler, "func", None)
        handler = inner if inner is not None else getattr(type(handler), "__call__", None)
    return 0


def takes_context(handler):
    """Whether a handler accepts a second positional argument."""
    code = getattr(handler, "__code__", None) if type(handler) is type(flags_of) else None
    if code is not None:
        wrapped = getattr(handler, "__wrapped__", None)
        if not code.co_flags & 0x04:  # inspect.CO_VARARGS
            return code.co_argcount >= 2
        return True if wrapped is None else takes_context(wrapped)
    import inspect

    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return True
    kinds = [parameter.kind for parameter in parameters]
    positional = sum(kind in (0, 1) for kind in kinds)  # positional only, or by keyword too
    return positional >= 2 or 2 in kinds  # 2 is *args


def is_taken(name):
    """Whether a module of somebody else's has `name`, which the function's must not hide then."""
    if name in sys.modules:
        return not isinstance(getattr(sys.modules[name], "__loader__", None), Source)
    return any(finder.find_spec(name, None) is not None for finder in sys.meta_path)


class Source:
    """The loader of a function's module: where tracebacks and `inspect` find its lines."""

    def __init__(self, code):
        self.code = code

    def get_source(self, name):
        return self.code


class Load(Work):
    """Loads one revision, in a thread, beside the one that serves."""

    def __init__(self, server, connection, bundle):
        self.bundle = bundle
        module, _, self.function = bundle["handler"].rpartition(".")
        self.file = f"{module or 'handler'}.py"
        self.hooks = {"before_snapshot": [], "after_restore": []}
        self.module_name = module or "handler"
        environment = dict(BASE_ENVIRONMENT)
        for name, value in bundle["env"].items():
            environment[fsencode(name)] = fsencode(value)
        super().__init__(server, connection, environment, "")

    def run(self):
        try:
            context = Context()
            context.run(self.execute, context)
        finally:
            self.server.call(self.server.load_ended, self)

    def execute(self, context):
        CURRENT.set(self)
        name, before = self.module_name, None
        try:
            if is_taken(name.partition(".")[0]):
                name = f"function_{name}"
            before = sys.modules.get(name)
            revision = self.load(name)
            revision.context = context
            if self.claim():
                self.switch(revision)
            else:
                raise FunctionTimeout
        except BaseException as error:
            if before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = before
            self.fail(error)

    def load(self, name):
        code, filename = self.bundle["code"], FOLDER + self.file
        module = sys.modules[name] = type(sys)(name)
        module.__file__ = filename
        module.__loader__ = Source(code)
        if "datetime" in code:
            from datetime import datetime

            module.datetime = datetime
        if "linecache" in sys.modules:
            sys.modules["linecache"].cache.pop(filename, None)
        restore_streams()
        try:
            exec(compile(code, filename, "exec", dont_inherit=True), module.__dict__)
        finally:
            if FORKED:
                real_exit(0)
            restore_streams()
        revision = Revision(self.bundle, self.environment, name)
        revision.file, revision.hooks = self.file, self.hooks
        revision.use(self.find_handler(module))
        if revision.is_async:
            self.server.loops.ready()
        return revision

    def find_handler(self, module):
        wanted = self.bundle["handler"]
        found = vars(module).get(self.function, module)
        if found is module:
            names = [
                name
                for name, value in vars(module).items()
                if callable(value) and getattr(value, "__module__", None) == module.__name__
            ]
            present = ", ".join([f'"{name}"' for name in names]) or "no function"
            message = f'Handler "{wanted}" not found: {self.file} has {present}'
            raise Failure("HandlerNotFound", message)
        if not callable(found):
            raise Failure(
                "HandlerNotFunction",
                f'Handler "{wanted}" is not a function: "{self.function}" in {self.file} is'
                f" {kind_of(found)}",
            )
        return found

    def switch(self, revision):
        server = self.server
        old, server.revision = server.revision, revision
        if old is None:
            server.call(server.later, 1.0, prepare_interrupts)
        server.load_error = None
        Environment.apply(revision.environment)
        if old is not None:
            if old.module_name != revision.module_name:
                sys.modules.pop(old.module_name, None)
            del old
            collect_garbage()
        logs = write_json(self.output.close())
        body = f'{{"status":"loaded","revision":{revision.number},"logs":{logs}}}'
        self.connection.reply(200, to_bytes(body))

    def fail(self, error):
        details = explain_failure(error, self.file)
        if self.claim():
            self.server.load_error = details["message"]
            body = {"status": "failed", "logs": self.output.close(), "error": details}
            self.connection.reply(422, to_bytes(write_json(body)))


def explain_failure(error, own_file):
    """Why code in `own_file` does not load, or fails at what it registered for snapshots."""
    kind, message = name_and_message(error)
    stack, frame = stack_of(error)
    file = line = column = None
    if isinstance(error, SyntaxError) and error.filename == FOLDER + own_file:
        message = error.msg
        file, line, column = own_file, error.lineno, error.offset or None
    elif frame is not None:
        file, line = frame.filename[len(FOLDER):], frame.lineno
        offset = getattr(frame, "colno", None)
        column = None if offset is None else offset + 1
    elif isinstance(error, Failure):
        file = own_file
    if not isinstance(error, (Failure, SystemExit)):
        message = f"{kind}: {message}" if message else kind
    place = {"file": file, "line": line, "column": column}
    return {"message": message, "type": kind, **place, "stack": stack}


# --- Snapshots ------------------------------------------------------------------------------------

HOOKS_SECONDS = 10
MESSAGE_BYTES, NAME_AT, TOKEN_AT = 216, 92, 172


class Hooks(Work):
    """What the serving revision registered for a snapshot or a restore, one after another."""

    def __init__(self, server, when, done):
        self.revision = server.revision
        self.functions = self.revision.hooks[when]
        self.file = self.revision.file
        self.when = when
        self.done = done
        self.deadline = monotonic() + HOOKS_SECONDS
        self.loop_thread = self.task = self.error = None
        self.awaited = allocate_lock()
        self.awaited.acquire()
        super().__init__(server, None, self.revision.environment, "")
        self.output.close()  # lines go to the console
        server.add_deadline(self)
        server.pool.submit(self)

    def run(self):
        revision = self.revision
        if revision is not None:  # it is gone when the limit came before the thread
            revision.context.copy().run(self.execute)

    def execute(self):
        CURRENT.set(self)
        restore_streams()
        try:
            for function in self.functions:
                value = function()
                if hasattr(type(value), "__await__"):
                    self.wait_for(value)
                if self.expired:
                    break
        except BaseException as error:
            self.leave_fork(error)
            self.fail(error)
        else:
            self.leave_fork(None)
            if self.claim():
                self.end(None)
        restore_streams()

    def wait_for(self, awaitable):
        """Waits for what runs on the event loop that `async def` handlers have."""
        self.server.loops.submit(self, awaitable)
        self.awaited.acquire()
        self.loop_thread = self.task = None
        error, self.error = self.error, None
        if error is not None:
            raise error

    async def drive(self, revision, awaitable):
        try:
            await awaitable
        except BaseException as error:
            self.leave_fork(error)
            self.error = error
        else:
            self.leave_fork(None)
        self.awaited.release()

    def fail(self, error):
        failure = explain_failure(error, self.file)
        if self.claim():
            self.end(failure)

    def time_out(self, replace):
        """Ends them for the server loop, which has claimed them at their limit."""
        message = f"firelet.{self.when} did not end within {HOOKS_SECONDS} s"
        self.end(explain_failure(Failure("Timeout", message), self.file))

    def end(self, failure):
        self.output.flush()
        self.revision = self.functions = None
        self.server.call(self.done, failure)


def make_hooks_module():
    """The module `firelet` that functions import."""
    module = type(sys)("firelet")
    for when in ("before_snapshot", "after_restore"):
        setattr(module, when, make_registrar(when))
    return module


def make_registrar(when):
    def register(function):
        if not callable(function):
            raise TypeError(f"firelet.{when} wants a function, found {kind_of(function)}")
        load = CURRENT.get()
        if not isinstance(load, Load) or load.number not in SERVER.unanswered:
            raise RuntimeError(f"firelet.{when} is for code that loads")
        load.hooks[when].append(function)
        return function

    register.__name__ = register.__qualname__ = when
    return register


class WakeChannel:
    """Where a server that stands still is told who it is when it goes on."""

    def __init__(self, path):
        from ctypes import PyDLL, c_void_p, create_string_buffer
        from stat import S_ISFIFO

        self.library = library = PyDLL(None)  # its calls keep the GIL
        library.fdopen.restype = c_void_p
        library.fread.restype = {1: 1}.__getitem__  # a KeyError where no whole message came
        channel = os.open(path, os.O_RDONLY)
        if not S_ISFIFO(os.fstat(channel).st_mode):
            os.close(channel)
            raise OSError(0, "it is no FIFO")
        self.stream = c_void_p(library.fdopen(channel, b"rb"))
        self.message = create_string_buffer(MESSAGE_BYTES)
        self.entropy = create_string_buffer(64)

    def stand_still(self, descriptor, reply):
        """
        Sends `reply` when the clock was set back; returns the name and the token of the wake.

        From the first message to the last seed, all is one call of C's: at each bytecode another
        thread may take the GIL. So nothing runs in a clone that was not seeded yet.
        """
        library = self.library
        steps = [
            self.read(),
            *draw_from_openssl(),
            partial(library.write, descriptor, reply, len(reply)),
            partial(library.close, descriptor),
            *forget_draws(),
        ]
        # An EINTR would cut a message short. SIGTERM does without the interpreter, in any thread: the
        # kernel may give it to one that waits, and this one, which acts on it, holds the GIL. Set by
        # C's signal(), so that one which Python has noted already is still acted on, before the reads.
        set_signal_mask(_signal.SIG_BLOCK, HARMLESS_SIGNALS)
        library.signal(_signal.SIGTERM, None)  # SIG_DFL
        name = token = b""
        while not name and not token:
            steps += self.read(), *draw_from_openssl(), *self.seed_random()
            deque(map(partial.__call__, steps), 0)
            message, steps = self.message.raw, []
            name = message[NAME_AT:TOKEN_AT].partition(b"\0")[0]
            token = message[TOKEN_AT:].partition(b"\0")[0]
        _signal.signal(_signal.SIGTERM, end_on_sigterm)
        set_signal_mask(_signal.SIG_UNBLOCK, HARMLESS_SIGNALS)
        return name, token

    def read(self):
        return partial(self.library.fread, self.message, MESSAGE_BYTES, 1, self.stream)

    def seed_random(self):
        generator = shared_generator()
        if generator is None:
            return []
        from _random import Random

        # Not its seed() without a seed, which lets go of the GIL while it asks the kernel.
        seeds = map(partial(int.from_bytes, byteorder="little"), (self.entropy,))
        return [
            partial(self.library.getentropy, self.entropy, len(self.entropy)),
            partial(deque, map(partial(Random.seed, generator), seeds), 0),
        ]


def draw_from_openssl():
    """
    OpenSSL's generators are seeded by their parent, and that by the kernel, when their last time is
    long ago, in the future, or older than their parent's. So one draw while the clock is set back
    makes the parent remember that time, and one draw in the clone makes it ask the kernel again;
    those of other threads, and those for keys, follow at their next use.
    """
    ssl = sys.modules.get("_ssl")
    return [] if ssl is None else [partial(ssl.RAND_bytes, 1)]


def forget_draws():
    """For what asks the kernel when it has nothing: done before the snapshot, it is free."""
    modules, steps = sys.modules, []
    if shared_generator() is not None:
        steps.append(partial(setattr, shared_generator(), "gauss_next", None))
    names = getattr(modules.get("tempfile"), "_name_sequence", None)
    if type(names).__name__ == "_RandomNameSequence":
        steps.append(partial(setattr, names, "_rng_pid", None))
    if type(modules.get("uuid")) is type(sys):
        steps.append(partial(setattr, modules["uuid"], "_node", None))
    sqlite = getattr(modules.get("_sqlite3"), "__file__", None)
    if sqlite is not None:
        from ctypes import PyDLL

        try:
            steps.append(partial(PyDLL(sqlite).sqlite3_randomness, 0, None))
        except (OSError, AttributeError):
            pass  # a build that hides it
    return steps


def shared_generator():
    """What the functions of `random` draw from, where somebody imported it."""
    if "random" not in sys.modules:
        return None
    from _random import Random

    generator = getattr(sys.modules["random"], "_inst", None)
    return generator if isinstance(generator, Random) else None


# --- Threads --------------------------------------------------------------------------------------


def cpu_clock():
    """The clock of this thread's processor time, where the system has one."""
    try:
        from time import pthread_getcpuclockid

        # Asked by the thread itself: for a thread that has ended the question would crash.
        return pthread_getcpuclockid(get_ident())
    except (ImportError, OSError):
        return None


def cpu_seconds(clock):
    """Processor time of a thread; None where it is unknown, 0 where the thread is gone."""
    if clock is None:
        return None
    from time import clock_gettime

    try:
        return clock_gettime(clock)
    except OSError:
        return 0.0


def prepare_interrupts():
    """Imports what an interrupt needs, at a moment when nobody waits for it."""
    interrupt_thread(0)


def interrupt_thread(ident):
    try:
        from ctypes import c_ulong, py_object, pythonapi

        pythonapi.PyThreadState_SetAsyncExc(c_ulong(ident), py_object(FunctionTimeout))
    except (ImportError, AttributeError):
        pass  # an interpreter without ctypes: the VM will be replaced instead


class Worker:
    """A thread that runs one piece of work after another."""

    __slots__ = ("pool", "work", "wake", "guard", "ident", "clock", "condemned", "ended")

    def __init__(self, pool, work):
        self.pool = pool
        self.work = work
        self.wake = allocate_lock()
        self.wake.acquire()
        self.guard = allocate_lock()
        self.ident = self.clock = None
        self.condemned = self.ended = False

    def main(self):
        pool = self.pool
        try:
            self.ident = get_ident()
            self.clock = cpu_clock()
            while True:
                self.work.run()
                with self.guard:  # from here on no interrupt is sent
                    self.work = None
                if self.condemned or not pool.give_back(self):
                    break
                self.wake.acquire()
        except BaseException as error:
            # An interrupt that came late, or a bug of ours: this thread is not used again.
            if not self.condemned:
                write_console(to_bytes(f"runtime-server: {describe_fault(error)}\n"))
        finally:
            self.ended = True
            self.work = None
            pool.thread_ended(self)

    def runs(self, work):
        return self.work is work and not self.ended

    def interrupt(self, work):
        """Raises FunctionTimeout in the thread, if it still runs `work`."""
        with self.guard:
            if self.runs(work) and self.ident is not None:
                self.condemned = True
                interrupt_thread(self.ident)


class WorkerPool:
    """Threads for `def` handlers and loads: as many as are needed, reused."""

    def __init__(self):
        self.idle = deque()
        self.backlog = deque()
        self.count = 0

    def submit(self, work):
        try:
            worker = self.idle.pop()
        except IndexError:
            self.start(work)
            return
        work.worker = worker
        worker.work = work
        worker.wake.release()

    def start(self, work):
        worker = work.worker = Worker(self, work)
        try:
            start_thread(worker.main, ())
        except RuntimeError:  # the system has no more threads for us: wait for one of ours
            work.worker = None
            self.backlog.append(work)

    def give_back(self, worker):
        if self.backlog:
            try:
                work = self.backlog.popleft()
            except IndexError:
                pass
            else:
                work.worker = worker
                worker.work = work
                worker.wake.release()
                return True
        if len(self.idle) >= IDLE_THREADS:
            return False
        self.idle.append(worker)
        return True

    def thread_ended(self, worker):
        SERVER.stuck.discard(worker)
        SERVER.abandoned.pop(worker, None)
        if self.backlog:
            SERVER.call(self.drain_backlog)

    def drain_backlog(self):
        try:
            self.submit(self.backlog.popleft())
        except IndexError:
            pass


class LoopThread:
    """A thread with an asyncio event loop for `async def` handlers."""

    def __init__(self, owner):
        self.owner = owner
        self.loop = self.ident = self.clock = None
        self.tasks = set()
        self.started = allocate_lock()
        self.started.acquire()
        start_thread(self.main, ())
        self.started.acquire()

    def main(self):
        import asyncio

        class Task(asyncio.Task):
            __slots__ = ("work",)

        def make_task(loop, coroutine, **options):
            task = Task(coroutine, loop=loop, **options)
            task.work = CURRENT.get()
            return task

        self.ident, self.clock = get_ident(), cpu_clock()
        self.loop = loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.set_task_factory(make_task)
        loop.set_exception_handler(loop_exception)
        self.current_task = asyncio.current_task
        self.started.release()
        while True:
            try:
                loop.run_forever()
            except BaseException:
                pass  # SystemExit of a user's task, or an interrupt that came between two
            if loop.is_closed():  # between two rounds user code can do that
                self.owner.give_up(self)
                return

    def call(self, function, *args):
        """Runs `function` on the loop, soon; False where the loop has been closed."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return False
        return True

    def begin(self, invocation, awaitable):
        revision = invocation.revision
        if invocation.expired or revision is None:
            return
        context = revision.context.copy()
        context.run(CURRENT.set, invocation)
        task = context.run(self.loop.create_task, invocation.drive(revision, awaitable))
        invocation.task = task
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def at_work_on(self):
        """The invocation whose task runs at this moment, if any."""
        return getattr(self.current_task(self.loop), "work", None)


class LoopThreads:
    """The event loop that takes invocations, and its successor when it is blocked for good."""

    def __init__(self):
        self.thread = None
        self.lock = allocate_lock()

    def ready(self):
        with self.lock:
            if self.thread is None:
                self.thread = LoopThread(self)
            return self.thread

    def submit(self, invocation, awaitable=None):
        thread = invocation.loop_thread = self.ready()
        if not thread.call(thread.begin, invocation, awaitable):
            self.give_up(thread)
            self.submit(invocation, awaitable)

    def give_up(self, thread):
        with self.lock:
            if self.thread is thread:
                self.thread = None


def loop_exception(loop, details):
    """A task or callback failed and nobody asks: it fails its invocation, or goes to its log."""
    source = details.get("task") or details.get("future")
    work = getattr(source, "work", None)
    if work is None and "handle" in details:
        work = details["handle"]._context.get(CURRENT)
    error = details.get("exception")
    if error is None:
        text, failure = details.get("message", ""), None
    else:
        text = stack_of(error)[0]
        kind, message = name_and_message(error)
        unhandled = "UnhandledRejection" if source is not None else "UncaughtException"
        failure = Failure(unhandled, f"{kind}: {message}" if message else kind, error)
    if isinstance(work, Invocation) and failure is not None and not work.output.closed:
        work.fail(failure)
        if work.task is not None:
            work.task.cancel()
    elif work is not None:
        work.output.write(2, f"{text}\n")
    else:
        write_console(to_bytes(f"{text}\n"))


# --- What user code finds changed -----------------------------------------------------------------

real_exit = os._exit
start_thread = _thread.start_new_thread
set_signal_mask = _signal.pthread_sigmask
set_switch_interval = sys.setswitchinterval
set_recursion_limit = sys.setrecursionlimit
register_at_fork = os.register_at_fork
try:
    raise LookupError
except LookupError as _error:
    Traceback = type(_error.__traceback__)


def end_process(message):
    """What ending the process comes to: the invocation alone fails."""
    error = ProcessExit(message)
    frame, place = sys._getframe(1), None
    while frame is not None:
        place = Traceback(place, frame, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back
    work = CURRENT.get()
    if work is not None:
        # Answered now, because the exception may be caught; ending a process cannot be.
        work.fail(error.with_traceback(place))
    raise error.with_traceback(None)


def guarded(real, targets_us, how):
    def guard(*args, **options):
        if not FORKED and targets_us(*args, **options):
            end_process(how(*args))
        return real(*args, **options)

    guard.__name__ = guard.__qualname__ = real.__name__
    guard.__doc__ = real.__doc__
    return guard


def always(*args, **options):
    return True


def signals_us(pid, number):
    group = os.getpgrp()
    return number != 0 and pid in (SERVER_PID, 0, -1, -group)


def guard_process():
    """Puts a guard before every way to end, replace or signal the server's own process."""
    import posix

    def guard(module_names, name, targets_us, how):
        for module in module_names:
            real = getattr(module, name, None)
            if real is not None:
                setattr(module, name, guarded(real, targets_us, how))

    def killed(*args):
        return f"Function exited with code {128 + int(args[-1])} (signal {int(args[-1])})"

    both = (os, posix)
    guard(both, "_exit", always, lambda n=0: f"Function exited with code {int(n)} (os._exit)")
    guard(both, "abort", always, lambda: "Function exited with code 134 (os.abort)")
    for name in ("execv", "execve"):
        guard(both, name, always, lambda *_: "Function exited with code 0 (os.exec)")
    guard(both, "kill", signals_us, killed)
    own_group = lambda group, number: number != 0 and group in (0, os.getpgrp())  # noqa: E731
    guard(both, "killpg", own_group, killed)
    guard((_signal,), "raise_signal", always, killed)
    guard((_signal,), "pthread_kill", lambda thread, number: number != 0, killed)


def limit_recursion(limit):
    """Sets the recursion limit, up to what the threads have the stack for."""
    set_recursion_limit(min(limit, RECURSION_LIMIT))


def inherit_context(function):
    """`function` in a copy of the context in which this was called."""
    return copy_context().run, function


def start_thread_in_context(function, args, kwargs=None):
    """Starts a thread for the invocation that asks for it."""
    run, function = inherit_context(function)
    return start_thread(run, (function, *args), kwargs or {})


def patch_threading(module):
    thread = module.Thread
    start, bootstrap = thread.start, thread._bootstrap_inner

    def start_in_context(self):
        self._firelet_context = copy_context()
        start(self)

    def bootstrap_in_context(self):
        context = self.__dict__.pop("_firelet_context", None)
        if context is None:
            bootstrap(self)
        else:
            context.run(bootstrap, self)

    thread.start, thread._bootstrap_inner = start_in_context, bootstrap_in_context


def patch_executor(module):
    executor = module.ThreadPoolExecutor
    submit = executor.submit

    def submit_in_context(self, fn, /, *args, **kwargs):
        run, fn = inherit_context(fn)
        return submit(self, run, fn, *args, **kwargs)

    executor.submit = submit_in_context


def patch_logging(module):
    module.lastResort.setLevel(0)  # what a logger lets through is printed, as with a handler


def patch_contextlib(module):
    """Makes redirect_stdout one of the invocation's own: others print at the same time."""
    redirect = module._RedirectStream

    def enter(self):
        stream = STDOUT if self._stream == "stdout" else STDERR
        self._old_targets.append((stream, stream.redirected.get()))
        same = self._new_target is stream
        stream.redirected.set(None if same else self._new_target)
        return self._new_target

    def leave(self, *_):
        stream, before = self._old_targets.pop()
        stream.redirected.set(before)

    redirect_input = getattr(module, "redirect_stdin", None)
    if redirect_input is None:
        redirect.__enter__, redirect.__exit__ = enter, leave


def patch_uuid(module):
    """
    Makes a random number of the node, as RFC 9562 has it: clones have the same network address.
    It is Python's own code that draws it, since libuuid would keep its clock sequence over a wake.
    """
    module._generate_time_safe = None
    module._GETTERS = [lambda: int.from_bytes(urandom(6), "big") | 1 << 40]


def patch_events(module):
    """Gives every thread an event loop that asks for it, as the main thread of a script has."""
    policy = getattr(module, "BaseDefaultEventLoopPolicy", None)
    if policy is None:
        return

    def get_event_loop(self):
        if self._local._loop is None:
            self.set_event_loop(self.new_event_loop())
        return self._local._loop

    policy.get_event_loop = get_event_loop


PATCHES = {
    "threading": patch_threading,
    "concurrent.futures.thread": patch_executor,
    "logging": patch_logging,
    "contextlib": patch_contextlib,
    "asyncio.events": patch_events,
    "uuid": patch_uuid,
}


class PatchingFinder:
    """Runs PATCHES when user code first imports their modules, which keeps the start short."""

    def find_spec(self, name, path=None, target=None):
        patch = PATCHES.get(name)
        if patch is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                execute = spec.loader.exec_module

                def execute_and_patch(module):
                    execute(module)
                    patch(module)

                spec.loader = PatchedLoader(spec.loader, execute_and_patch)
                return spec
        return None


class PatchedLoader:
    """A loader with a step of its own after the module's execution."""

    def __init__(self, loader, exec_module):
        self.loader = loader
        self.exec_module = exec_module

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)


def patch_children():
    """Gives child processes the environment of the invocation that starts them."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    fork_exec = _posixsubprocess.fork_exec

    def fork_exec_with_environment(*args):
        if len(args) > 5 and args[5] is None:
            environment = [b"%b=%b" % pair for pair in os.environ._data.items()]
            args = (*args[:5], environment, *args[6:])
        return fork_exec(*args)

    _posixsubprocess.fork_exec = fork_exec_with_environment


def prepare_interpreter():
    """Makes the interpreter one that many invocations share."""
    _thread.stack_size(STACK_BYTES)
    set_switch_interval(SWITCH_SECONDS)
    model, byte_model = os.environ, os.environb
    os.environ, os.environb = Environment(model), Environment(byte_model)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.argv = [""]
    restore_streams()
    guard_process()
    sys.setrecursionlimit = limit_recursion
    _thread.start_new_thread = _thread.start_new = start_thread_in_context
    patch_children()
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, PatchingFinder())
    sys.modules["firelet"] = make_hooks_module()


# --- HTTP -----------------------------------------------------------------------------------------

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
STATUS_LINES = {
    status: f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n".encode()
    for status, reason in REASONS.items()
}


class HttpError(Exception):
    """A request to refuse with `status`; `close` where the rest of it cannot be told apart."""

    def __init__(self, status, message, close=False):
        super().__init__(message)
        self.status = status
        self.message = message
        self.close = close


class Head:
    """The start of a request: what the server needs of it."""

    __slots__ = ("method", "path", "length", "token", "close", "waits")

    def __init__(self, raw):
        lines = raw.split(b"\r\n")
        try:
            self.method, target, version = lines[0].split(b" ")
        except ValueError:
            raise HttpError(400, "Cannot read the request line", True) from None
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise HttpError(505, "Cannot speak this version: HTTP/1.1 is wanted", True)
        self.path = target.partition(b"?")[0]
        self.length = self.token = None
        self.close = version == b"HTTP/1.0"
        self.waits = False
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name[-1] in b" \t" or name[0] in b" \t":
                raise HttpError(400, "Cannot read a header line", True)
            name = name.lower()
            if name == b"content-length":
                self.read_length(value.strip(b" \t"))
            elif name == b"connection":
                value = value.lower()
                self.close = b"close" in value or (self.close and b"keep-alive" not in value)
            elif name == b"authorization":
                self.token = value.strip(b" \t")
            elif name == b"transfer-encoding":
                raise HttpError(411, "Cannot read a chunked body: send Content-Length", True)
            elif name == b"expect":
                self.waits = value.strip(b" \t").lower() == b"100-continue"

    def read_length(self, value):
        if not value.isdigit() or len(value) > 15:
            raise HttpError(400, "Cannot read Content-Length: a number is wanted", True)
        if self.length is not None and self.length != int(value):
            raise HttpError(400, "Cannot read Content-Length: there are two", True)
        self.length = int(value)


class Connection:
    """One client. The server loop reads; whoever has the answer writes it, at once."""

    def __init__(self, server, socket):
        self.server = server
        self.socket = socket
        self.number = socket.fileno()
        self.inbox = bytearray()
        self.outbox = None
        self.head = None
        self.skip = 0  # bytes of a refused body that are still to come
        self.busy = False  # a request is being answered; the next has to wait
        self.closing = self.ended = self.closed = False
        self.load = None

    def ready(self, event):
        if event & select.POLLOUT:
            self.write()
        if event & ~select.POLLOUT and not self.closed:
            self.read()

    def read(self):
        try:
            data = self.socket.recv(262144)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.end()
            return
        self.inbox += data
        self.resume()

    def end(self):
        """The client sends no more. Answers under way are still written; a load is given up."""
        self.ended = True
        self.server.forget(self)
        if self.load is not None:
            self.server.give_up_load(self.load)
        self.resume()

    def resume(self):
        """Takes the next requests from the inbox. Only the server loop calls this."""
        while not self.busy and not self.closed:
            if self.closing:
                self.close()
                return
            try:
                request = self.next_request()
            except HttpError as error:
                self.busy = True
                self.refuse(error)
                continue
            if request is None:
                if self.ended:
                    self.close()
                return
            head, body = request
            self.busy = True
            try:
                self.server.route(self, head, body)
            except HttpError as error:
                self.refuse(error)

    def next_request(self):
        inbox = self.inbox
        if self.skip:
            dropped = min(self.skip, len(inbox))
            del inbox[:dropped]
            self.skip -= dropped
            if self.skip:
                return None
        if self.head is None:
            end = inbox.find(b"\r\n\r\n", 0, HEAD_LIMIT)
            if end < 0:
                if len(inbox) >= HEAD_LIMIT:
                    raise HttpError(431, f"Cannot read headers over {HEAD_LIMIT} bytes", True)
                return None
            self.head = Head(bytes(inbox[:end]))
            del inbox[: end + 4]
        head, length = self.head, self.head.length or 0
        if length > BODY_LIMIT:
            self.head = None
            self.closing = head.close
            self.skip = length
            message = f"Cannot take a body of {length} bytes: at most {BODY_LIMIT}"
            raise HttpError(413, message, length > 8 * BODY_LIMIT)
        if len(inbox) < length:
            if head.waits:
                head.waits = False
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(inbox[:length])
        del inbox[:length]
        self.head = None
        self.closing = head.close
        return head, body

    def refuse(self, error):
        if error.close:
            self.closing = True
        self.reply(error.status, to_bytes(write_json({"error": error.message})))

    def reply(self, status, body):
        """Answers the request under way. Any thread may call it, once."""
        self.send(self.frame(status, body))
        if self.outbox is None:
            self.busy = False
            if self.inbox or self.closing or self.ended:
                self.server.call(self.resume)
        else:
            self.server.call(self.write)

    def frame(self, status, body):
        last = b"connection: close\r\n" if self.closing else b""
        return b"%bcontent-length: %d\r\n%b\r\n%b" % (STATUS_LINES[status], len(body), last, body)

    def send(self, data):
        if self.outbox is not None:
            self.outbox += data
            return
        try:
            sent = self.socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.closing = True
            return
        if sent < len(data):
            self.outbox = bytearray(memoryview(data)[sent:])

    def write(self):
        """Writes what the socket did not take at once. Only the server loop calls this."""
        if self.outbox is None or self.closed:
            return
        try:
            sent = self.socket.send(self.outbox)
            del self.outbox[:sent]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.outbox.clear()
            self.closing = True
        if self.outbox:
            self.server.watch(self, True)
            return
        self.outbox = None
        self.server.watch(self, False)
        self.busy = False
        self.resume()

    def close(self):
        if not self.closed:
            self.leave()
            self.socket.close()

    def leave(self):
        self.closed = True
        self.server.forget(self)
        self.server.connections.pop(self.number, None)


# --- The server -----------------------------------------------------------------------------------


class Server:
    """The server loop, and what all its parts share."""

    def __init__(self):
        self.ident = get_ident()
        self.unanswered = {}  # work by number; taking it out is the right to answer it
        self.count = 0
        self.timers = []  # a heap of (when, number)
        self.timed_calls = {}
        self.calls = deque()  # functions that other threads want run in the loop
        self.connections = {}
        self.pool = WorkerPool()
        self.loops = LoopThreads()
        self.revision = None
        self.load_error = None
        self.loading = None
        self.loads = deque()
        self.token = None
        self.wake_channel = None
        self.instance = None  # of a clone
        self.waking = False  # its hooks run
        self.wake_failure = None
        self.awaiting_wake = []  # connections
        self.stuck = set()  # threads that could not be stopped
        self.abandoned = {}  # threads that waited at their limit, with their processor time
        self.stopping = set()  # invocations at their limit that are not answered yet
        self.collecting = False
        if hasattr(select, "epoll"):
            self.poller, self.poll_unit = select.epoll(), 1
        else:
            self.poller, self.poll_unit = select.poll(), 1000
        self.wake_reader, self.wake_writer = os.pipe()
        os.set_blocking(self.wake_reader, False)
        os.set_blocking(self.wake_writer, False)
        self.poller.register(self.wake_reader, select.POLLIN)
        self.routes = {
            b"/health": (b"GET", self.health),
            b"/invoke": (b"POST", self.invoke),
            b"/control/adopt": (b"POST", self.adopt),
            b"/control/load": (b"POST", self.accept_load),
            b"/control/quiesce": (b"POST", self.quiesce),
            b"/control/freeze": (b"POST", self.freeze),
            b"/control/resumed": (b"POST", self.resumed),
        }

    # The loop

    def listen(self, host, port):
        family = AF_INET6 if ":" in host else AF_INET
        self.listener = Socket(family, SOCK_STREAM)
        self.listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(1024)
        self.listener.setblocking(False)
        self.poller.register(self.listener.fileno(), select.POLLIN)
        return self.listener.getsockname()[1]

    def serve(self):
        poller, unit, timers, calls = self.poller, self.poll_unit, self.timers, self.calls
        wake, listener = self.wake_reader, self.listener.fileno()
        while True:
            wait = max(0.0, timers[0][0] - monotonic()) * unit if timers else None
            for number, event in poller.poll(wait):
                if number == wake:
                    self.drain_wake()
                elif number == listener:
                    self.accept()
                else:
                    connection = self.connections.get(number)
                    if connection is not None:
                        self.guard(connection.ready, event)
            while calls:
                function, args = calls.popleft()
                self.guard(function, *args)
            if timers and timers[0][0] <= monotonic():
                self.guard(self.run_timers)

    def guard(self, function, *args):
        """Keeps a mistake in one call from ending the server."""
        try:
            function(*args)
        except Exception as error:
            write_console(to_bytes(f"runtime-server: {describe_fault(error)}\n"))
            connection = getattr(function, "__self__", None)
            if isinstance(connection, Connection):
                connection.close()

    def call(self, function, *args):
        """Runs `function` in the server loop, soon. Any thread may call it."""
        self.calls.append((function, args))
        try:
            write_descriptor(self.wake_writer, b"w")
        except OSError:
            pass  # the pipe is full: the loop is awake anyway

    def drain_wake(self):
        try:
            os.read(self.wake_reader, 4096)
        except OSError:
            pass

    def accept(self):
        for _ in range(64):
            try:
                number, _ = self.listener._accept()
            except OSError:
                return
            socket = Socket(self.listener.family, SOCK_STREAM, 0, number)
            socket.setblocking(False)
            try:
                socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            except OSError:
                pass  # it is closed already, which reading from it will tell
            self.connections[number] = Connection(self, socket)
            self.poller.register(number, select.POLLIN)

    def watch(self, connection, writing):
        if not connection.ended:
            events = select.POLLIN | select.POLLOUT if writing else select.POLLIN
            self.poller.modify(connection.number, events)
        elif writing:
            try:
                self.poller.register(connection.number, select.POLLOUT)
            except OSError:
                pass  # registered by an earlier round
        else:
            self.forget(connection)

    def forget(self, connection):
        try:
            self.poller.unregister(connection.number)
        except (OSError, KeyError):
            pass  # an ended connection is forgotten twice

    # Timers

    def register(self, work):
        self.count += 1
        self.unanswered[self.count] = work
        return self.count

    def later(self, seconds, function, *args):
        """Runs `function` in the server loop. Only the loop itself may call this."""
        self.count += 1
        self.timed_calls[self.count] = function, args
        heappush(self.timers, (monotonic() + seconds, self.count))

    def add_deadline(self, invocation):
        timers = self.timers
        if len(timers) > 1000 and len(timers) > 4 * len(self.unanswered):
            live = [t for t in timers if t[1] in self.unanswered or t[1] in self.timed_calls]
            timers[:] = live
            heapify(timers)
        heappush(timers, (invocation.deadline, invocation.number))

    def run_timers(self):
        now, timers = monotonic(), self.timers
        while timers and timers[0][0] <= now:
            number = heappop(timers)[1]
            invocation = self.unanswered.pop(number, None)
            if invocation is not None:
                invocation.expired = True
                self.expire(invocation)
                continue
            call = self.timed_calls.pop(number, None)
            if call is not None:
                call[0](*call[1])

    # Timeouts

    def expire(self, invocation):
        """An invocation is at its limit: find out what it does, stop it or leave it, answer."""
        if not self.stopping:
            set_switch_interval(HURRIED_SWITCH_SECONDS)
        self.stopping.add(invocation)
        thread = invocation.loop_thread
        if thread is not None:
            self.expire_task(invocation, thread)
        elif invocation.worker is None:
            self.pool.backlog.remove(invocation)
            self.time_out(invocation, False)
        else:
            cpu = cpu_seconds(invocation.worker.clock)
            self.later(SAMPLE_SECONDS, self.judge_thread, invocation, cpu, monotonic())

    def time_out(self, invocation, replace):
        self.stopping.discard(invocation)
        if not self.stopping:
            set_switch_interval(SWITCH_SECONDS)
        invocation.time_out(replace)

    def judge_thread(self, invocation, cpu, since):
        worker = invocation.worker
        if not worker.runs(invocation):
            self.time_out(invocation, False)
        elif is_busy(worker.clock, cpu, since):
            self.stop_thread(invocation, 0)
        else:
            # It only waits. It keeps its thread, which is looked after from time to time.
            self.abandon(worker)
            self.time_out(invocation, False)

    def stop_thread(self, invocation, attempt):
        worker = invocation.worker
        if not worker.runs(invocation):
            self.time_out(invocation, False)
            return
        if attempt % 4 == 0:  # again, because user code may have caught the first
            worker.interrupt(invocation)
        if monotonic() < invocation.deadline + STOP_SECONDS:
            self.later(SAMPLE_SECONDS, self.stop_thread, invocation, attempt + 1)
        else:
            self.stuck.add(worker)
            self.abandon(worker)
            self.time_out(invocation, True)

    def abandon(self, worker):
        if not self.abandoned:
            self.later(1.0, self.look_after_abandoned)
        self.abandoned[worker] = cpu_seconds(worker.clock), monotonic(), worker.work, 0

    def look_after_abandoned(self):
        """Interrupts threads that were left at their limit and compute, and counts how often."""
        for worker, (cpu, since, work, busy) in list(self.abandoned.items()):
            if work is None or not worker.runs(work):
                self.abandoned.pop(worker, None)
                self.stuck.discard(worker)
                continue
            busy = busy + 1 if is_busy(worker.clock, cpu, since) else 0
            if busy >= 1:
                worker.interrupt(work)
            if busy >= 3:
                self.stuck.add(worker)
            self.abandoned[worker] = cpu_seconds(worker.clock), monotonic(), work, busy
        if self.abandoned:
            self.later(1.0, self.look_after_abandoned)

    def expire_task(self, invocation, thread):
        answered = []

        def cancel():
            answered.append(True)
            self.stuck.discard(thread)
            task = invocation.task
            if task is not None:
                task.cancel()

        if not thread.call(cancel):
            answered.append(True)
        cpu = cpu_seconds(thread.clock)
        since = monotonic()
        self.later(0.002, self.judge_task, invocation, thread, answered, cpu, since, 0)

    def judge_task(self, invocation, thread, answered, cpu, since, attempt):
        culprit = None if answered else thread.at_work_on()
        innocent = culprit is not None and culprit is not invocation and not culprit.expired
        if answered or (innocent and attempt >= 1):
            self.time_out(invocation, False)
            return
        late = monotonic() > invocation.deadline + STOP_SECONDS
        if attempt % 4 == 1 and not innocent and is_busy(thread.clock, cpu, since):
            interrupt_thread(thread.ident)
        if thread in self.stuck or (late and attempt >= 2):
            # The loop is blocked for good: those that come next get another.
            self.stuck.add(thread)
            self.loops.give_up(thread)
            self.time_out(invocation, True)
        else:
            again = invocation, thread, answered, cpu, since, attempt + 1
            self.later(SAMPLE_SECONDS, self.judge_task, *again)

    def needs_replacement(self):
        return bool(self.stuck) or len(self.abandoned) > ABANDONED_THREADS

    def collect_soon(self):
        """Frees old revisions when the last invocations of them are through."""
        if not self.collecting:
            self.collecting = True
            self.call(self.later, 0.2, self.collect)

    def collect(self):
        self.collecting = False
        collect_garbage()

    # Calls

    def route(self, connection, head, body):
        route = self.routes.get(head.path)
        if route is None:
            raise HttpError(404, f"Cannot find {text_of(head.path)}")
        method, handle = route
        if head.method != method:
            found, wanted = text_of(head.method), text_of(method)
            raise HttpError(405, f"Cannot {found} {text_of(head.path)}: {wanted} is wanted")
        handle(connection, head, body)

    def health(self, connection, head, body):
        revision = self.revision
        works = list(self.unanswered.values())
        reply = {
            "status": "ok",
            "protocol": PROTOCOL,
            "runtime": "python",
            "version": ".".join(map(str, sys.version_info[:3])),
            "adopted": self.token is not None,
            "codeLoaded": revision is not None,
            "handler": None if revision is None else revision.handler_name,
            "revision": None if revision is None else revision.number,
            "error": self.load_error,
            "in_flight": sum(isinstance(work, Invocation) for work in works),
        }
        if self.needs_replacement():
            reply["replace"] = True
        connection.reply(200, to_bytes(write_json(reply)))

    def adopt(self, connection, head, body):
        request = read_object(body)
        token = field(request, "token", lambda v: isinstance(v, str) and len(v) == 43)
        field(request, "instance", is_text)
        token = to_bytes(token)
        if self.token is None:
            self.token = token
        elif not compare_digest(self.token, token):
            raise HttpError(403, "Cannot adopt this VM: another token has it")
        connection.reply(200, b'{"status":"adopted"}')

    def authorize(self, head, action):
        scheme, _, token = (head.token or b"").partition(b" ")
        known = self.token is not None and scheme.lower() == b"bearer"
        if not known or not compare_digest(self.token, token.strip()):
            raise HttpError(401, f"Cannot {action} without the token of the adoption")

    def accept_load(self, connection, head, body):
        self.authorize(head, "load")
        bundle = read_object(body)
        field(bundle, "revision", is_positive_integer)
        field(bundle, "function_name", lambda v: isinstance(v, str))
        field(bundle, "memory_mb", is_positive_integer)
        field(bundle, "handler", is_text)
        field(bundle, "code", lambda v: isinstance(v, str))
        field(bundle, "env", is_environment)
        import threading  # in the main thread, for it is the importing one that it calls main

        del threading
        load = connection.load = Load(self, connection, bundle)
        self.loads.append(load)
        self.next_load()

    def next_load(self):
        while self.loading is None and self.loads:
            load = self.loads.popleft()
            if load.number in self.unanswered:
                self.loading = load
                self.pool.submit(load)

    def load_ended(self, load):
        if load.connection.load is load:  # the connection may have brought the next one already
            load.connection.load = None
        if self.loading is load:
            self.loading = None
            self.next_load()

    def give_up_load(self, load):
        """The caller of a load is gone: it must not switch any more, nor hold up the next."""
        if load.claim():
            load.expired = True
            load.connection.busy = False
            if self.loading is load:
                cpu = cpu_seconds(load.worker.clock)
                self.stop_load(load, monotonic() + STOP_SECONDS, cpu, monotonic(), 0)

    def stop_load(self, load, limit, cpu, since, attempt):
        worker = load.worker
        if not worker.runs(load):
            return
        if attempt % 4 == 0:
            worker.interrupt(load)
        if monotonic() < limit:
            self.later(SAMPLE_SECONDS, self.stop_load, load, limit, cpu, since, attempt + 1)
            return
        if is_busy(worker.clock, cpu, since):
            self.stuck.add(worker)
        self.abandon(worker)
        self.load_ended(load)

    # Snapshots

    def refuse_at_work(self, action):
        """A snapshot holds no code that runs: its clones would all go on with it."""
        if self.unanswered:
            raise HttpError(409, f"Cannot {action}: {len(self.unanswered)} invocations or loads run")

    def run_hooks(self, when, done):
        if self.revision is None or not self.revision.hooks[when]:
            done(None)
        else:
            Hooks(self, when, done)

    def quiesce(self, connection, head, body):
        self.authorize(head, "quiesce")
        self.refuse_at_work("quiesce")

        def done(failure):
            self.answer_hooks(connection, failure, b'{"status":"quiesced"}')

        self.run_hooks("before_snapshot", done)

    def answer_hooks(self, connection, failure, body):
        if failure is None:
            connection.reply(200, body)
        else:
            refusal = {"status": "failed", "logs": [], "error": failure}
            connection.reply(422, to_bytes(write_json(refusal)))

    def freeze(self, connection, head, body):
        """Stands still until the VM is woken. In a clone, what follows is what comes first."""
        self.authorize(head, "freeze")
        self.refuse_at_work("freeze")
        if WAKE_CHANNEL is None:
            raise HttpError(409, "Cannot freeze: FIRELET_WAKE names no channel")
        try:
            self.wake_channel = self.wake_channel or WakeChannel(WAKE_CHANNEL)
        except OSError as error:
            raise HttpError(409, f"Cannot freeze: {WAKE_CHANNEL}: {error.strerror}") from None
        self.accept()  # what waits for that now is the template's, as the others are
        connection.leave()
        others = list(self.connections.values())
        connection.closing = True
        reply = connection.frame(200, b'{"status":"frozen"}')
        try:
            name, token = self.wake_channel.stand_still(connection.socket.detach(), reply)
        except BaseException as error:
            refuse_to_go_on(f"Cannot read the wake channel: {describe_fault(error)}")
        self.token = token or self.token
        self.instance = name.decode("ascii", "replace")
        for other in others:
            other.close()
        self.waking = True
        self.run_hooks("after_restore", self.woken)

    def woken(self, failure):
        self.waking = False
        self.wake_failure = failure
        waiting, self.awaiting_wake = self.awaiting_wake, []
        for connection in waiting:
            self.confirm(connection)

    def resumed(self, connection, head, body):
        self.authorize(head, "resume")
        if self.instance is None:
            raise HttpError(409, "Cannot resume: this VM was not woken")
        if self.waking:
            self.awaiting_wake.append(connection)
        else:
            self.confirm(connection)

    def confirm(self, connection):
        # As text, since what runs for the first time in a clone is slow under emulation.
        name, now = quote(self.instance), time() * 1000
        body = to_bytes(f'{{"status":"resumed","instance":{name},"time_ms":{now}}}')
        self.answer_hooks(connection, self.wake_failure, body)

    def invoke(self, connection, head, body):
        request = read_object(body)
        field(request, "request_id", is_text)
        field(request, "timeout_ms", is_positive_number)
        if "traceparent" in request:
            field(request, "traceparent", is_text)
        if self.revision is None:
            raise HttpError(503, "No code is loaded")
        if self.waking:
            raise HttpError(503, "The VM is waking")
        invocation = Invocation(self, connection, request)
        self.add_deadline(invocation)
        if self.revision.is_async:
            self.loops.submit(invocation)
        else:
            self.pool.submit(invocation)

    def served_environment(self):
        return None if self.revision is None else self.revision.environment

    def leave_fork(self):
        """In a child that user code forked: our sockets are the parent's business."""
        global FORKED
        FORKED = True
        for connection in list(self.connections.values()):
            connection.socket.close()
        self.connections.clear()
        self.unanswered.clear()
        self.listener.close()
        if hasattr(self.poller, "close"):
            self.poller.close()
        os.close(self.wake_reader)
        os.close(self.wake_writer)


def is_busy(clock, cpu, since):
    """Whether a thread computed since `cpu` was read; where that cannot be told, it did."""
    now = cpu_seconds(clock)
    if now is None or cpu is None:
        return True
    return now - cpu > BUSY_SHARE * (monotonic() - since)


def text_of(raw):
    return raw[:100].decode("ascii", "replace")


def read_object(body):
    try:
        value = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, f"Cannot read the body as JSON: {message_of(error)}") from None
    if not isinstance(value, dict):
        raise HttpError(400, "Cannot read the body: a JSON object is wanted")
    return value


WANTED = {
    "request_id": "a string that is not empty",
    "traceparent": "a string that is not empty",
    "timeout_ms": "a number above 0",
    "token": "a string of 43 characters",
    "instance": "a string that is not empty",
    "revision": "a whole number above 0",
    "function_name": "a string",
    "memory_mb": "a whole number above 0",
    "handler": "a string that is not empty",
    "code": "a string",
    "env": "an object of strings that can be an environment",
}


def field(request, name, is_good):
    value = request.get(name)
    if not is_good(value):
        raise HttpError(400, f'Cannot take "{name}": {WANTED[name]} is wanted')
    return value


def is_text(value):
    return isinstance(value, str) and value != ""


def is_positive_integer(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_positive_number(value):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 < value < 1e12


def is_environment(value):
    if not isinstance(value, dict):
        return False
    for name, text in value.items():
        if not isinstance(text, str) or name == "" or "=" in name or "\0" in name + text:
            return False
        try:
            fsencode(name + text)
        except UnicodeEncodeError:
            return False
    return True


# --- Start ----------------------------------------------------------------------------------------


HARMLESS_SIGNALS = [
    getattr(_signal, f"SIG{name}")
    for name in ("INT", "HUP", "ALRM", "VTALRM", "PROF", "USR1", "USR2")
]


def refuse_to_go_on(message):
    write_descriptor(2, to_bytes(f"runtime-server: {message}\n"))
    real_exit(1)


def read_listen_address():
    listen = BASE_LISTEN
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not port.isascii() or int(port) > 65535:
        refuse_to_go_on(f'Cannot read FIRELET_LISTEN: found "{listen}", address:port is wanted')
    return host.strip("[]"), int(port)


def end_on_sigterm(number, frame):
    real_exit(0)


def ignore_signal(number, frame):
    pass


def main():
    global SERVER
    host, port = read_listen_address()
    SERVER = Server()
    try:
        port = SERVER.listen(host, port)
    except (OSError, OverflowError) as error:
        refuse_to_go_on(f"Cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}")
    set_signal = _signal.signal
    set_signal(_signal.SIGTERM, end_on_sigterm)
    # User code can have these sent, by an alarm for instance; they must not end the server.
    for number in HARMLESS_SIGNALS:
        set_signal(number, ignore_signal)
    prepare_interpreter()
    register_at_fork(after_in_child=SERVER.leave_fork)
    gc.freeze()
    write_console(to_bytes(f"runtime-server: listening on {host}:{port}\n"))
    SERVER.serve()


BASE_LISTEN = os.environ.get("FIRELET_LISTEN", "0.0.0.0:3000")
WAKE_CHANNEL = os.environ.get("FIRELET_WAKE")

if __name__ == "__main__":
    main()
