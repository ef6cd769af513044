"""Takes the pictures of the pages with Chromium, from the newest run of the sample.

`make screenshots` calls it. Without a window, Chromium draws a page and ends; a page of
our own sets beforehand what Kedro-Viz would ask a visitor.
"""

import argparse
import functools
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

IMAGES = Path(__file__).parent / "images"

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

SETTINGS = {
    "showFeatureHints": False,
    "theme": "light",
    "visible": {"sidebar": False, "miniMap": False},
}
"""Of Kedro-Viz: no tour, no list of names beside the graph."""

PICTURES = {
    "graph.png": ("door.html#pid=train_otto", "1400,900"),
    "graph_preview.png": ("door.html#pid=train_otto&sn=otto.summary", "1400,900"),
    "report.png": ("report.html", "1280,1100"),
    "report_phone.png": ("phone.html", "390,1000"),
}
"""Picture -> page and size of the window."""


def main() -> int:
    """Take all pictures, or say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, required=True, help="report.html")
    parser.add_argument("--graph", type=Path, required=True, help="tronrec graph")
    arguments = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        sys.stderr.write(
            f"No Chromium: none of {', '.join(NAMES)} is on the PATH. Install one, "
            "such as Debian's package chromium\n"
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        shutil.copytree(arguments.graph, site)
        shutil.copy(arguments.report, site / "report.html")
        (site / "door.html").write_text(
            f"<script>localStorage.setItem('KedroViz', '{json.dumps(SETTINGS)}');"
            "location = '/?' + location.hash.slice(1)</script>"
        )
        (site / "phone.html").write_text(
            '<body style="margin: 0"><iframe src="report.html" width="390" '
            'height="1000" style="border: 0"></iframe>'  # windows are never so narrow
        )
        handler = functools.partial(QuietHandler, directory=str(site))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for name, (page, size) in PICTURES.items():
                address = f"http://127.0.0.1:{server.server_port}/{page}"
                take(chromium, address, size, IMAGES / name)
            server.shutdown()
    return 0


def take(chromium: str, address: str, size: str, picture: Path) -> None:
    """Draw a page for 10 s of its own time, and write what is to be seen."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--hide-scrollbars", f"--user-data-dir={profile}"),
            *(f"--window-size={size}", "--virtual-time-budget=10000"),
            *(f"--screenshot={picture}", address),
        ]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=300)
    sys.stdout.write(f"Wrote {picture}\n")


class QuietHandler(SimpleHTTPRequestHandler):
    """Files, without a line of log for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    sys.exit(main())
