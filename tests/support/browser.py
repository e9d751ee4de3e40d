"""A real browser for tests: Chromium without a window, told what to do over its own protocol."""

import asyncio
import itertools
import shutil
from contextlib import asynccontextmanager

import aiohttp

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
)  # fmt: skip
BYTES_MAX = 64 * 1024 * 1024
PATIENCE = 30


class Tab:
    """One page of the browser; *events* is all that it told."""

    def __init__(self, socket):
        self.socket = socket
        self.events = []
        self.numbers = itertools.count(1)

    async def ask(self, method, **given):
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": given})
        while True:
            told = await self.socket.receive_json(timeout=PATIENCE)
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]
            self.events.append(told)

    async def run(self, script):
        """The value of *script*, which may be a promise."""
        ended = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in ended, ended["exceptionDetails"]
        return ended["result"].get("value")

    async def until(self, script):
        """Wait until *script* is true."""
        waiting = f"""new Promise((done, fail) => {{
            const since = Date.now();
            const look = () => {{
                if ({script}) done(true);
                else if (Date.now() - since > {PATIENCE * 1000}) fail(new Error("never came true"));
                else setTimeout(look, 20);
            }};
            look();
        }})"""
        await self.run(waiting)

    async def open(self, url, *, width=1100, height=900):
        """Load the page at *url*, as the first of this tab."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.ask(f"{domain}.enable")
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        await self.ask("Page.navigate", url=url)
        while not any(each["method"] == "Page.loadEventFired" for each in self.events):
            self.events.append(await self.socket.receive_json(timeout=PATIENCE))

    async def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            await self.ask(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text
            )

    def complaints(self):
        """What the page did wrong: errors in the console, and what the policy forbade."""
        logged = [e["params"]["entry"] for e in self.events if e["method"] == "Log.entryAdded"]
        thrown = [e for e in self.events if e["method"] == "Runtime.exceptionThrown"]
        return [
            each["text"]
            for each in logged
            if each["level"] == "error" and each["source"] != "network"
        ] + thrown

    def asked(self):
        """The addresses that the page asked for."""
        sent = [e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent]


@asynccontextmanager
async def a_tab(folder):
    """Start the browser with a profile in *folder*, and yield its tab."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        port = await asyncio.wait_for(_port(process.stderr), PATIENCE)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [each for each in await answer.json() if each["type"] == "page"]
            address = pages[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=BYTES_MAX) as socket:
                yield Tab(socket)
    finally:
        process.terminate()
        await process.wait()


async def _port(stderr):
    while line := await stderr.readline():
        if b"DevTools listening on" in line:
            return int(line.decode().rsplit(":", 1)[1].split("/")[0])
    raise AssertionError("the browser did not start")
