"""`/`, `/metrics`, `/healthz` and `/readyz`, in a thread with a loop of its own: a busy worker still answers.

Only the worker's newest view is read here, never its state.
"""

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from models.errors import ConfigError
from sinks import exposition
from sinks.prometheus import FloorView
from sinks.telemetry import VERSION
from streams.landing import landing
from streams.metrics_page import MetricsPage

PORTS: Final = range(9842, 9852)
STUCK_S: Final = 10.0


def listen(port: int | None) -> socket.socket:
    """Bind the worker's port on loopback: the one that is asked for, else the first free one of 9842 to 9851."""
    for candidate in PORTS if port is None else (port,):
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind(("127.0.0.1", candidate))
            opened.listen(128)
        except (OSError, OverflowError) as error:
            opened.close()
            if port is not None:
                reason = getattr(error, "strerror", None) or error
                raise ConfigError(f"--web-port {port}: cannot listen on 127.0.0.1:{port}: {reason}") from None
        else:
            return opened
    raise ConfigError(
        f"web port: all of {PORTS.start} to {PORTS.stop - 1} on 127.0.0.1 are in use; choose one with --web-port"
    )


class WebThread:
    """Serves the pages of one worker."""

    def __init__(self, opened: socket.socket, metrics: MetricsPage, view: Callable[[], FloorView]) -> None:
        self.port: int = opened.getsockname()[1]
        self.alive_at = time.monotonic()  # set by the worker's loop, over and over
        self.metrics = metrics
        self._socket = opened
        self._view = view

    def start(self) -> None:
        """Start serving; the thread ends with the process."""
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="web", daemon=True).start()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        await asyncio.Event().wait()

    async def _index(self, _request: web.Request) -> web.Response:
        return web.Response(text=landing(self._view(), int(time.time() * 1_000), VERSION), content_type="text/html")

    async def _metrics(self, request: web.Request) -> web.Response:
        form = exposition.wanted(request.headers.get("Accept", ""))
        body = await self.metrics.get(form)
        headers = {"Content-Type": form, "Vary": "Accept, Accept-Encoding"}
        if exposition.takes_gzip(request.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        return web.Response(body=body, headers=headers)

    async def _healthz(self, _request: web.Request) -> web.Response:
        silent_s = time.monotonic() - self.alive_at
        if silent_s > STUCK_S:
            return web.Response(status=503, text=f"stuck: no sign of life for {silent_s:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._view().recovering:
            return web.Response(status=503, text="recovering: the worker reads its past\n")
        return web.Response(text="ready\n")
