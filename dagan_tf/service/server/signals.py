"""How a server's main thread waits for its end."""

import signal
import threading


def wait_for_signal() -> None:
    """Returns when the process gets SIGTERM or SIGINT; call it from the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Waiting in slices lets Python run signal handlers on every platform.
    while not stop.wait(0.5):
        pass
