"""What stands in for the broker in the demo? `trueup_adapters.gateway`, in a process that ends with its director."""

from __future__ import annotations

import os
import sys
import threading

from trueup_adapters.gateway import serve


def end_with_input() -> None:
    """End at once when standard input closes: whoever started this process is gone, however it died."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> int:
    """Serve at the two ports (0 chooses one), with the terminal in a file. Arguments: port, control port, file."""
    port, control_port, state = sys.argv[1:]
    threading.Thread(target=end_with_input, daemon=True).start()
    serve(int(port), int(control_port), state=state)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
