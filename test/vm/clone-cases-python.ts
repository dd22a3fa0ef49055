import type { CloneSubject } from "./clones.ts";

/** Everything that Python draws from, by name; the bytes that differ most come first. */
const draws: Readonly<Record<string, string>> = {
  "random.random": "packed(random.random())",
  "random, bound while loading": "packed(draw())",
  "random.gauss": "packed(random.gauss(0, 1))",
  "random.getrandbits": "'%016x' % random.getrandbits(64)",
  "random.SystemRandom": "'%016x' % random.SystemRandom().getrandbits(64)",
  "uuid.uuid4": "uuid.uuid4().hex",
  "uuid.uuid1": "node_first(uuid.uuid1().hex)",
  "secrets.token_hex": "secrets.token_hex()",
  "os.urandom": "os.urandom(16).hex()",
  "ssl.RAND_bytes": "ssl.RAND_bytes(16).hex()",
  "ssl.RAND_bytes in a thread of before the snapshot":
    "thread.submit(ssl.RAND_bytes, 16).result().hex()",
  "the random of a TLS client": "client_hello()[11:43].hex()",
  "the key of a TLS client": "client_hello().partition(x25519)[2][:32].hex()",
  "a temporary name": "tempfile.mktemp('', '', '')[1:]",
  "sqlite's random": "'%016x' % (db.execute('SELECT random()').fetchone()[0] % 2**64)",
};

const code = `
import asyncio, os, random, secrets, socket, sqlite3, ssl, struct, tempfile, threading, time, uuid
from concurrent.futures import ThreadPoolExecutor
from random import random as draw
import firelet

db = sqlite3.connect(":memory:", check_same_thread=False)
thread = ThreadPoolExecutor(1)
context = ssl.create_default_context()
x25519 = bytes.fromhex("0024001d0020")

def packed(number):
    return struct.pack("<d", number).hex()

def node_first(hex):
    return hex[20:] + hex[16:20] + hex[:16]

def client_hello():
    sent = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="a").do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()

draws = {
    ${Object.entries(draws)
      .map(([name, drawn]) => `"${name}": lambda: ${drawn},`)
      .join("\n    ")}
}

def draw_all():
    return {name: drawn() for name, drawn in draws.items()}

random.seed(7)
draw_all()
first, ticks, fired = None, None, []

@firelet.after_restore
def note_first():
    global first, ticks
    first, ticks = draw_all(), []

def tick():
    never = threading.Event()
    while not never.wait(0.05):
        if ticks is not None:
            ticks.append(time.monotonic() * 1000)

async def wait():
    for _ in range(40):
        asyncio.get_running_loop().call_later(60, fired.append, "loop")
    await asyncio.sleep(3600)

threading.Thread(target=tick, daemon=True).start()
threading.Thread(target=asyncio.run, args=(wait(),), daemon=True).start()
for _ in range(10):
    timer = threading.Timer(60, fired.append, ("thread",))
    timer.daemon = True
    timer.start()

async def handler(event):
    await asyncio.sleep(event["ms"] / 1000)
    return {
        "first": first, "now": draw_all(), "host_name": socket.gethostname(),
        "fired": len(fired), "ticks": ticks, "time_ms": time.time() * 1000,
    }
`;

/** Clones of Python. */
export const pythonClones: Omit<CloneSubject, "image"> = {
  runtime: "Python",
  code,
  draws: Object.keys(draws),
};
