import type {
  FailureCase,
  failureContracts,
  LoadFailureCase,
  loadFailureContracts,
} from "./runtime-cases.ts";

/** A `def` handler that does `lines` unless its event is `fine`; they begin at line 4. */
function failing(...lines: readonly string[]): string {
  return [
    "def handler(event):",
    '    if event == "fine":',
    '        return "fine"',
    ...lines.map((line) => `    ${line}`),
    "",
  ].join("\n");
}

const notSerializable = "ResponseNotSerializable";
const result = (found: string) => `Cannot make JSON of the response: found ${found}`;

/** The failures of the contract in Python. */
export const pythonFailures: Readonly<Record<keyof typeof failureContracts, FailureCase>> = {
  throws: {
    code: failing('raise ValueError("Broken")'),
    type: "ValueError",
    message: "Broken",
    lines: [4],
  },
  throwsLater: {
    code: `import asyncio\nasync ${failing("await asyncio.sleep(0.01)", 'raise ValueError("Broken")')}`,
    type: "ValueError",
    message: "Broken",
    lines: [6],
  },
  throwsDeeper: {
    code: `${failing("deeper()")}\ndef deeper():\n    raise KeyError("Broken")\n`,
    type: "KeyError",
    message: "'Broken'",
    lines: [7, 4],
  },
  ownClass: {
    code: `${failing('raise OutOfStock("No apples")')}\nclass OutOfStock(Exception):\n    pass\n`,
    type: "OutOfStock",
    message: "No apples",
    lines: [4],
  },
  cause: {
    code: failing(
      "try:",
      '    raise KeyError("Because")',
      "except KeyError as error:",
      '    raise ValueError("Broken") from error',
    ),
    type: "ValueError",
    message: "Broken",
    lines: [7, 5],
  },
  emptyMessage: { code: failing("raise ValueError"), type: "ValueError", message: "", lines: [4] },
  recursion: {
    code: `${failing("return deeper()")}\ndef deeper():\n    return deeper()\n`,
    type: "RecursionError",
    message: /maximum recursion depth exceeded/,
    lines: [7, 7, 7, 4],
  },
  cycle: {
    code: failing('result = {"items": []}', 'result["items"].append(result)', "return result"),
    type: notSerializable,
    message: result("a cycle at response.items[0]"),
    lines: null,
  },
  deepResult: {
    code: failing(
      "result = []",
      "for _ in range(100_000):",
      "    result = [result]",
      "return result",
    ),
    type: notSerializable,
    message: result("a value nested too deep at response"),
    lines: null,
  },
  notANumber: {
    code: failing('return {"a": [1, float("nan")]}'),
    type: notSerializable,
    message: result("nan at response.a[1]"),
    lines: null,
  },
  infinity: {
    code: failing('return float("inf")'),
    type: notSerializable,
    message: result("inf at response"),
    lines: null,
  },
  functionResult: {
    code: failing("return handler"),
    type: notSerializable,
    message: result("a function at response"),
    lines: null,
  },
  setResult: {
    code: failing('return {"items": [1, {"a b": {2}}]}'),
    type: notSerializable,
    message: result('a set at response.items[1]["a b"]'),
    lines: null,
  },
  exit: {
    code: failing("import sys", "sys.exit(3)"),
    type: "FunctionExit",
    message: "Function exited with code 3 (sys.exit)",
    lines: [5],
  },
  exitCaught: {
    code: failing(
      "import os",
      "try:",
      "    os._exit(3)",
      "except BaseException:",
      '    return "on"',
    ),
    type: "FunctionExit",
    message: "Function exited with code 3 (os._exit)",
    lines: [6],
  },
  exitHard: {
    code: failing("import os", "os._exit(7)"),
    type: "FunctionExit",
    message: "Function exited with code 7 (os._exit)",
    lines: [5],
  },
  unhandled: {
    code: `import asyncio\nasync ${failing("asyncio.create_task(forget())", "await asyncio.sleep(1)")}\nasync def forget():\n    raise ValueError("Forgotten")\n`,
    type: "UnhandledRejection",
    message: "ValueError: Forgotten",
    lines: [9],
  },
  hostileError: {
    code: `${failing("raise Hostile")}\nclass Hostile(Exception):\n    def __str__(self):\n        raise SystemExit(9)\n`,
    type: "Hostile",
    message: "(cannot be read)",
    lines: [],
  },
};

/** Failures that only Python knows. */
export const pythonFurtherFailures: Readonly<Record<string, FailureCase>> = {
  "calls exit()": {
    code: failing('exit("no more")'),
    type: "FunctionExit",
    message: "Function exited with code 1 (sys.exit): no more",
    lines: [],
  },
  aborts: {
    code: failing("import os", "os.abort()"),
    type: "FunctionExit",
    message: "Function exited with code 134 (os.abort)",
    lines: [5],
  },
  "kills its own process": {
    code: failing("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)"),
    type: "FunctionExit",
    message: "Function exited with code 137 (signal 9)",
    lines: [5],
  },
  "replaces its process": {
    code: failing("import os", 'os.execlp("true", "true")'),
    type: "FunctionExit",
    message: /os\.exec/,
    lines: [],
  },
  "raises KeyboardInterrupt": {
    code: failing("raise KeyboardInterrupt"),
    type: "KeyboardInterrupt",
    message: "",
    lines: [4],
  },
  "raises GeneratorExit in a coroutine": {
    code: `async ${failing("raise GeneratorExit")}`,
    type: "GeneratorExit",
    message: "",
    lines: [4],
  },
  "raises SystemExit in a task": {
    code: `import asyncio\nasync ${failing("await asyncio.create_task(leave())")}\nasync def leave():\n    raise SystemExit(5)\n`,
    type: "FunctionExit",
    message: "Function exited with code 5 (sys.exit)",
    lines: [8, 5],
  },
  "raises CancelledError": {
    code: `import asyncio\nasync ${failing("raise asyncio.CancelledError")}`,
    type: "CancelledError",
    message: "",
    lines: [5],
  },
  "raises something that is no exception": {
    code: failing('raise "text"'),
    type: "TypeError",
    message: "exceptions must derive from BaseException",
    lines: [4],
  },
  "has a callback that throws": {
    code: `import asyncio\nasync ${failing("asyncio.get_running_loop().call_soon(forget)", "await asyncio.sleep(1)")}\ndef forget():\n    raise ValueError("Forgotten")\n`,
    type: "UncaughtException",
    message: "ValueError: Forgotten",
    lines: [9],
  },
  "recurses for ever with the limit as high as it goes": {
    code: failing("import sys", "sys.setrecursionlimit(10**9)", "return deeper(event)").concat(
      "\ndef deeper(event):\n    return sorted([event], key=deeper)\n",
    ),
    type: "RecursionError",
    message: /maximum recursion depth exceeded/,
    lines: [9, 9],
  },
  "answers bytes": {
    code: failing('return [b"bytes"]'),
    type: notSerializable,
    message: result("a bytes at response[0]"),
    lines: null,
  },
  "answers a dict with a tuple for a key": {
    code: failing('return {"a": {(1, 2): 3}}'),
    type: notSerializable,
    message: result("a key that is a tuple at response.a"),
    lines: null,
  },
  "answers a generator": {
    code: failing("return (item for item in [1])"),
    type: notSerializable,
    message: result("a generator at response"),
    lines: null,
  },
};

/** What Python refuses to load. */
export const pythonLoadFailures: Readonly<
  Record<keyof typeof loadFailureContracts, LoadFailureCase>
> = {
  syntaxError: {
    code: "def handler(event):\n    return )\n",
    type: "SyntaxError",
    message: "SyntaxError: unmatched ')'",
    file: "handler.py",
    line: 2,
    column: 12,
  },
  throwsAtLoad: {
    code: 'def check():\n    raise ValueError("Not ready")\n\ncheck()\n\ndef handler(event):\n    pass\n',
    type: "ValueError",
    message: "ValueError: Not ready",
    file: "handler.py",
    line: 2,
  },
  missingHandler: {
    code: "def main(event):\n    pass\n\ndef other(event):\n    pass\n",
    type: "HandlerNotFound",
    message: 'Handler "handler" not found: handler.py has "main", "other"',
    file: "handler.py",
    line: null,
  },
  handlerNotFunction: {
    code: "handler = 7\n",
    type: "HandlerNotFunction",
    message: 'Handler "handler" is not a function: "handler" in handler.py is an int',
    file: "handler.py",
    line: null,
  },
  exitsAtLoad: {
    code: "import sys\n\nsys.exit(4)\n",
    type: "FunctionExit",
    message: "Function exited with code 4 (sys.exit)",
    file: "handler.py",
    line: 3,
  },
  missingModule: {
    code: "import requestz\n\ndef handler(event):\n    pass\n",
    type: "ModuleNotFoundError",
    message: "ModuleNotFoundError: No module named 'requestz'",
    file: "handler.py",
    line: 1,
  },
  recursionAtLoad: {
    code: "def again():\n    again()\n\nagain()\n\ndef handler(event):\n    pass\n",
    type: "RecursionError",
    message: /^RecursionError: maximum recursion depth exceeded/,
    file: "handler.py",
    line: 2,
  },
};

export const pythonFurtherLoadFailures: Readonly<Record<string, LoadFailureCase>> = {
  "is wrongly indented": {
    code: "def handler(event):\nreturn 1\n",
    type: "IndentationError",
    message: /^IndentationError: expected an indented block/,
    file: "handler.py",
    line: 2,
    column: 1,
  },
  "ends the process at once while it loads": {
    code: "import os\nos._exit(5)\n",
    type: "FunctionExit",
    message: "Function exited with code 5 (os._exit)",
    file: "handler.py",
    line: 2,
  },
  "is in a file of another name": {
    code: "x = )\n",
    handler: "app.main",
    type: "SyntaxError",
    message: "SyntaxError: unmatched ')'",
    file: "app.py",
    line: 1,
    column: 5,
  },
};
