"""The service of docs/tutorials/deploy.md under load: pictures a second, latency, errors.

The recipe is taken from the page itself and started with uvicorn on the loopback address; wrk posts
one photograph to it over 1, 2, 4 … connections. The rate of a `Stylizer` that decodes, paints and
encodes the same photograph in this process, on one thread a core, stands beside it.

Run: pip install fastapi uvicorn; python benchmarks/serving.py PHOTO [--seconds 20]
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from PIL import Image

from styletransfer import Stylizer
from styletransfer.images import decode_image, encode_image

PAGE = Path(__file__).parents[1] / "docs" / "tutorials" / "deploy.md"
STYLE = "the_scream"
SCRIPT = """
wrk.method = "POST"
local file = io.open("%s", "rb")
wrk.body = file:read("*all")
done = function(summary, latency)
  local e = summary.errors
  print(string.format("RESULT %%f %%f %%f %%d", 1e6 * summary.requests / summary.duration,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def recipe(title: str) -> str:
    """The code block of the page that is saved as `title`."""
    found = re.search(rf'```python title="{title}"\n(.*?)```', PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def bare_rate(photograph: bytes, count: int) -> float:
    """Pictures a second that one process decodes, paints and encodes."""
    stylizer, cores = Stylizer(threads=1), os.cpu_count() or 1

    def paint(_: int) -> None:
        picture = decode_image(BytesIO(photograph), name="photograph")
        encode_image(BytesIO(), stylizer(picture, STYLE), ".jpg")

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(paint, range(cores)))
        start = time.perf_counter()
        list(pool.map(paint, range(count)))
        return count / (time.perf_counter() - start)


def wait_for(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=1)
        except urllib.error.HTTPError:  # it answers
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the service did not start")


def load(url: str, photo: Path, folder: Path, connections: int, seconds: int) -> list[float]:
    """Requests a second, median and 99th percentile of the latency in ms, errors."""
    script = folder / "post.lua"
    script.write_text(SCRIPT % photo)
    call = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "60s",
        "-s",
        script,
        url,
    ]
    said = subprocess.check_output(list(map(str, call)), text=True)
    line = next(line for line in said.splitlines() if line.startswith("RESULT"))
    return [float(word) for word in line.split()[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--short-side", type=int, default=512, help="that it is sent at")
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("this needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "serve.py").write_text(recipe("serve.py"))
        with Image.open(options.photo) as image:
            scale = options.short_side / min(image.size)
            small = image.convert("RGB").resize([round(side * scale) for side in image.size])
        small.save(folder / "photo.jpg", quality=90)
        photograph = (folder / "photo.jpg").read_bytes()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        call = [sys.executable, "-m", "uvicorn", "serve:app", "--port", str(port)]
        call += ["--log-level", "warning"]
        environment = {**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"}
        service = subprocess.Popen(call, cwd=folder, env=environment)
        try:
            address = f"http://127.0.0.1:{port}/paint/{STYLE}"
            wait_for(address)
            load(address, folder / "photo.jpg", folder, 2, 2)  # warms up
            width, height = small.size
            print(f"a photograph of {width}×{height}, {os.cpu_count()} cores\n")
            print("| connections | pictures/s | median ms | p99 ms | errors |")
            print("| --- | --- | --- | --- | --- |")
            for connections in (1, 2, 4, 16):
                rate, median, last, errors = load(
                    address, folder / "photo.jpg", folder, connections, options.seconds
                )
                row = f"{rate:.2f} | {median:.0f} | {last:.0f} | {errors:.0f}"
                print(f"| {connections} | {row} |", flush=True)
        finally:
            service.terminate()
            service.wait()
        rate = bare_rate(photograph, 4 * options.seconds)
        print(f"| in one process, no service | {rate:.2f} | | | |")


if __name__ == "__main__":
    main()
