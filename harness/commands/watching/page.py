"""The live page of `watch --page`: a study's report, made anew as its journal grows, for a browser here.

The server is bound to 127.0.0.1, answers one path that nobody can guess, and only where a browser names this
machine (`Host`), so that no page from elsewhere reads it under a name of its own. It knows no files.
"""

import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from harness.errors import EXIT_COMPLETE, EnvironmentMismatchError, reason

if TYPE_CHECKING:
    from harness.commands.watch import Watched

_HOST = "127.0.0.1"
_SECONDS = 10.0
"""Between two looks."""
_MAKING_SHARE = 10
"""Times as long as making a page takes, no other one is made: it shares a machine with what trains."""

_POLICY = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_REFRESH = """
<style>@media print {{ #live {{ display: none }} }}</style>
<div id="live" role="status" style="position:sticky;bottom:0;padding:.4em 1em;font:14px system-ui,sans-serif;
background:#333;color:#fff;z-index:9">{told}</div>
<script>
(() => {{
  const version = {version}, key = "place", folds = () => [...document.querySelectorAll("details")];
  const before = JSON.parse(sessionStorage.getItem(key) || "null");
  if (before) {{
    folds().forEach((fold, place) => {{ if (place in before.open) fold.open = before.open[place]; }});
    scrollTo(0, before.y);
  }}
  const look = async () => {{
    try {{
      const answer = await (await fetch("version", {{cache: "no-store"}})).json();
      const live = document.getElementById("live");
      if (live.textContent !== answer.told) live.textContent = answer.told;
      if (answer.version !== version) {{
        sessionStorage.setItem(key, JSON.stringify({{y: scrollY, open: folds().map(fold => fold.open)}}));
        location.reload();
        return;
      }}
    }} catch {{
      document.getElementById("live").textContent = "no longer watched; this page stays as it is";
      return;
    }}
    setTimeout(look, {pause});
  }};
  setTimeout(look, {pause});
}})();
</script>
"""
"""Goes to the end of the report: asks for news, and shows a new one where the reader stood in the old one."""

_PAUSE_MILLISECONDS = 3000
_WAITING = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>no results yet</title></head>
<body style="font:16px system-ui,sans-serif;margin:2em"><p>The report comes here.</p></body></html>"""


@dataclass(frozen=True)
class Shown:
    """What is served now. It is replaced as a whole, by one thread, and read by others."""

    version: int
    """That of the page, which a browser reloads for another one."""
    told: str
    """How the study is now, below its page."""
    page: str
    made: str = ""
    """When that was, in words."""
    seconds: float = 0.0
    """What making it took."""


class _Handler(BaseHTTPRequestHandler):
    """Answers two paths below the token, to browsers that name this machine."""

    timeout = 30  # of a connection that says nothing
    token: str
    shown: Callable[[], Shown]
    server_version, sys_version = "recipe-harness", ""

    def do_GET(self) -> None:
        """Answer."""
        names = {f"{name}:{self.server.server_port}" for name in (_HOST, "localhost")}  # type: ignore[attr-defined]
        _, token, *rest = [*self.path.split("/"), ""]
        is_known = hmac.compare_digest(token.encode(), self.token.encode())
        if self.headers.get("Host") not in names or not is_known or rest[1:] != [""]:
            self.send_error(404)
            return
        now = type(self).shown()
        if rest[0] == "version":
            self._send("application/json", json.dumps({"version": now.version, "told": now.told}))
        elif not rest[0]:
            script = _REFRESH.format(told=_escaped(now.told), version=now.version, pause=_PAUSE_MILLISECONDS)
            self._send("text/html", re.sub(r"</body>", lambda end: script + end[0], now.page, count=1))
        else:
            self.send_error(404)

    def handle(self) -> None:
        """Answer a connection; a browser that leaves meanwhile is content."""
        with suppress(ConnectionError):
            super().handle()

    def _send(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", _POLICY),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing: the terminal shows the study."""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


@contextmanager
def serving(shown: Callable[[], Shown], port: int) -> Iterator[str]:
    """Serve what `shown` returns for as long as the context lasts; yield the address.

    Raises:
        EnvironmentMismatchError: The port is not free.
    """
    token = secrets.token_urlsafe(16)
    own = type("Handler", (_Handler,), {"token": token, "shown": staticmethod(shown)})
    try:
        server = ThreadingHTTPServer((_HOST, port), own)
    except OSError as error:
        raise EnvironmentMismatchError(
            f"--port {port}: cannot be used ({reason(error)}). Remedy: another one, or leave it out for one "
            f"that is free.",
            place="--port",
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{server.server_port}/{token}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(watched: "Watched", *, port: int) -> int:
    """Serve the page, and print a line now and then, until Ctrl-C."""
    shown = _made(watched, 1)

    def now() -> Shown:
        return shown

    with serving(now, port) as address:
        print(f"the report of {watched.folder.root}, as it goes on: {address}")
        print("for a browser on this machine; from elsewhere by a tunnel of ssh; Ctrl-C ends it", flush=True)
        print(watched.line(), flush=True)
        while True:
            watched.wait(usual=_SECONDS, least=_MAKING_SHARE * shown.seconds)
            before, shown = shown, looked_again(watched, shown)
            if shown.version != before.version:
                print(watched.line(), flush=True)
    return EXIT_COMPLETE


def looked_again(watched: "Watched", shown: Shown) -> Shown:
    """Look at the study, and return what is served now: a new page where its journal grew."""
    if watched.look():
        return _made(watched, shown.version + 1)
    # Its sweep or its job may have ended, and written nothing more.
    return replace(shown, told=_told(watched, shown.made))


def _made(watched: "Watched", version: int) -> Shown:
    """Return the page of what was read last."""
    from analysis.page import document

    began = time.monotonic()
    if watched.found is None:
        return Shown(version, _told(watched, ""), _WAITING)
    made = f"; made at {datetime.now(UTC):%H:%M:%S} UTC"
    facts = watched.found.facts
    content = document.Content(
        facts=facts, tables=document.render_tables(facts), figures=document.render_figures(facts)
    )
    page = document.render_html(content)
    return Shown(version, _told(watched, made), page, made, time.monotonic() - began)


def _told(watched: "Watched", made: str) -> str:
    return f"{watched.line()}{made}"
