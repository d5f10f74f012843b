"""The Unix socket of `threads serve --uds`, which only its owner can connect to."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path


class UnixSocket:
    """A listening socket at a path, with mode 0600; `OSError` with a remedy if there can be none."""

    def __init__(self, path: Path) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(
                "this system has no Unix sockets for Python; use --host and --port instead of --uds"
            )
        self.path = str(path.absolute())
        self._remove_stale()
        self.listening = socket.socket(socket.AF_UNIX)
        try:
            self.listening.bind(self.path)
            Path(self.path).chmod(0o600)  # before listen: until then no client can connect, whatever the mode
            self.listening.listen()
        except OSError as error:
            self.listening.close()
            raise OSError(
                f"cannot listen at {self.path}: {error.strerror or error}; --uds names another path"
            ) from error
        self._inode = Path(self.path).stat().st_ino

    def remove(self) -> None:
        """Close it and remove its path, unless another server has put its own there."""
        self.listening.close()
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
            raise OSError(f"{self.path} exists and is no socket; --uds names another path")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self.path)
            except ConnectionRefusedError:
                Path(self.path).unlink(missing_ok=True)
                return
            except OSError as error:
                raise OSError(f"cannot look at {self.path}: {error.strerror or error}") from error
        raise OSError(f"another server listens at {self.path}; --uds names another path")
