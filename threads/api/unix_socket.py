"""The Unix socket of `threads serve --uds`, to which only its owner can connect."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path


class UnixSocket:
    """A listening socket at a path, with mode 0600; raises `OSError` with a remedy."""

    def __init__(self, path: Path) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(
                "this system has no Unix sockets for Python; use --host and --port instead of --uds"
            )
        self.path = str(path.absolute())
        self._remove_stale()
        self.listener = socket.socket(socket.AF_UNIX)
        try:
            self.listener.bind(self.path)
            Path(self.path).chmod(0o600)  # before listen: until then no client can connect, whatever the mode
            self.listener.listen()
        except OSError as error:
            self.listener.close()
            raise OSError(
                f"cannot listen on {self.path}: {error.strerror or error}; choose another path with --uds"
            ) from error
        self._inode = Path(self.path).stat().st_ino

    def remove(self) -> None:
        """Close it and remove its path, unless another server has put its own there."""
        self.listener.close()
        with suppress(OSError):
            if Path(self.path).stat().st_ino == self._inode:
                Path(self.path).unlink()

    def _remove_stale(self) -> None:
        """Remove the socket of a server that was killed; `OSError` for anything else."""
        try:
            mode = Path(self.path).lstat().st_mode
        except OSError:  # nothing there, or bind says why not
            return
        if not stat.S_ISSOCK(mode):
            raise OSError(f"{self.path} exists and is no socket; choose another path with --uds")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self.path)
            except ConnectionRefusedError:
                Path(self.path).unlink(missing_ok=True)
                return
            except OSError as error:
                raise OSError(f"cannot connect to {self.path}: {error.strerror or error}") from error
        raise OSError(f"another server listens on {self.path}; choose another path with --uds")
