"""A TCP proxy before the broker, for what a network does to a worker: slow, silent, cut.

A broker tells its clients where to connect, so a proxy in front of its port is left after the first request. The broker has a
listener of its own for it, advertised as the proxy's address: who bootstraps at `Proxy.bootstrap` stays behind the proxy with
all connections, who bootstraps at `KafkaBroker.bootstrap` never meets it.

    with Proxy(kafka_broker) as proxy, Worker(proxy.bootstrap, log) as worker:
        proxy.delay_s = 0.2  # each way, in order; what is on its way keeps the delay it began with
        proxy.pause()        # connections stay and new ones are taken, but no byte gets through: a hang
        proxy.resume()       # what was held goes on, nothing is lost
        proxy.cut()          # connections are reset and new ones are refused: a cable pulled, a broker gone
        proxy.mend()         # new connections are taken again

All calls return when they are in force. The broker may be stopped and started behind a proxy: connections to a stopped one are
closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Self

from tests.kafka_broker import HOST, KafkaBroker

_CHUNK = 64 << 10
_HELD_CHUNKS = 64  # of each direction of a connection; then its sender has to wait, as behind a full pipe
_CALL_S = 10.0
_AT_ONCE = struct.pack("ii", 1, 0)  # linger, but for no time: a reset instead of an end


class Proxy:
    """One proxy before one broker; `with` listens and ends."""

    def __init__(self, broker: KafkaBroker) -> None:
        self.delay_s = 0.0
        self._port, self._target = broker.proxy_port, broker.proxied_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._flows = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def bootstrap(self) -> str:
        """The `host:port` for clients that are to stay behind the proxy."""
        return f"{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.resume()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def pause(self) -> None:
        """Let no byte through, in either direction, until `resume`."""
        self._call(self._set_flow(False))

    def resume(self) -> None:
        """Let through what was held, and all that comes."""
        self._call(self._set_flow(True))

    def cut(self) -> None:
        """Reset all connections and refuse new ones until `mend`; bytes that were on their way are lost."""
        self._call(self._cut())

    def mend(self) -> None:
        """Take connections again, on the same port."""
        self._call(self._listen())

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_S)

    async def _set_flow(self, flows: bool) -> None:
        if flows:
            self._flows.set()
        else:
            self._flows.clear()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, HOST, self._port, limit=_CHUNK)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        me = asyncio.current_task()
        assert me is not None
        self._connections.add(me)
        ends, reset = [writer], False
        try:
            there, back = await asyncio.open_connection(HOST, self._target, limit=_CHUNK)
            ends.append(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, back))
                both.create_task(self._pump(there, writer))
        except* OSError:  # refused, reset, or ended, as `_pump` says: the other side hears it below
            pass
        except* asyncio.CancelledError:
            reset = True
        finally:
            self._connections.discard(me)
            for end in ends:
                if reset:
                    end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    end.transport.abort()
                else:
                    end.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Carry one direction; raises `ConnectionError` when the source has ended and all it sent is through."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_HELD_CHUNKS)
        filling = asyncio.create_task(self._fill(source, held))
        try:
            while True:
                due, chunk = await held.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                await self._flows.wait()
                if not chunk:
                    raise ConnectionResetError("the other side ended")
                sink.write(chunk)
                await sink.drain()
        finally:
            filling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await filling

    async def _fill(self, source: asyncio.StreamReader, held: asyncio.Queue[tuple[float, bytes]]) -> None:
        chunk = b"begun"
        while chunk:
            try:
                chunk = await source.read(_CHUNK)
            except OSError:
                chunk = b""
            await held.put((self._loop.time() + self.delay_s, chunk))
